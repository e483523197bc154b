"""Release's models accept the examples in its OpenAPI document."""

import pytest
from pydantic import BaseModel

from services.release.api import fields, views

FOUND = [
    (model, example)
    for model in (vars(fields) | vars(views)).values()
    if isinstance(model, type) and issubclass(model, BaseModel)
    for example in (model.model_config.get("json_schema_extra") or {}).get("examples", ())
]


def test_the_check_finds_examples():
    assert len(FOUND) >= 7


@pytest.mark.parametrize(("model", "example"), FOUND, ids=lambda v: getattr(v, "__name__", ""))
def test_every_example_is_valid(model, example):
    model.model_validate(example)
