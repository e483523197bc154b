"""Audit's models accept the examples in its OpenAPI document."""

import base64

import pytest
from pydantic import BaseModel

from services.audit.api import fields
from services.audit.api.views import audits, breaches, entries, findings, policies, proofs
from services.audit.domain.proofs import verify_consistency, verify_inclusion


def models():
    for module in (fields, audits, breaches, entries, findings, policies, proofs):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseModel):
                extra = value.model_config.get("json_schema_extra") or {}
                yield from ((value, example) for example in extra.get("examples", ()))


FOUND = list(models())


def test_the_check_finds_examples():
    assert len(FOUND) >= 10


@pytest.mark.parametrize(("model", "example"), FOUND, ids=lambda v: getattr(v, "__name__", ""))
def test_every_example_is_valid(model, example):
    model.model_validate(example)


def test_the_example_proofs_of_the_api_verify():
    [shown] = proofs.InclusionProofOut.model_config["json_schema_extra"]["examples"]
    path = [base64.b64decode(value) for value in shown["path"]]
    leaf, root = (base64.b64decode(shown[name]) for name in ("leaf_hash", "root_hash"))
    assert verify_inclusion(leaf, shown["seq"], shown["size"], path, root)
    [shown] = proofs.ConsistencyProofOut.model_config["json_schema_extra"]["examples"]
    old, new = (base64.b64decode(shown[name]) for name in ("old_root", "new_root"))
    assert verify_consistency(shown["old_size"], shown["new_size"], old, new, path)
