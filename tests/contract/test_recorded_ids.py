"""Ids that begin with the moment of capture are recorded as digests, whatever request names them."""

import json
import re
from collections.abc import Iterator
from typing import Any

from shared.access.data_elements import RECORDS
from tests.architecture.request_schemas import accepted, within
from tests.architecture.source import ROOT

DOCUMENTS = sorted((ROOT / "docs/openapi").glob("*.json"))
WITHOUT_A_CAPTURE = {
    "account_id",
    "audit_id",
    "booking_id",
    "credential_id",
    "device_id",
    "device_ids",
    "document_id",
    "entry_id",
    "export_id",
    "feed_id",
    "finding_id",
    "hit_id",
    "hold_id",
    "key_id",
    "last_event_id",
    "list_id",
    "person_id",
    "report_id",
    "request_id",
    "run_id",
    "source_id",
}
"""Ids of what is no sighting, and of hits, which begin with no moment."""


def names_in(document: Any) -> Iterator[str]:
    """Yield the names of parameters and of fields that requests have; answers have more."""
    for _, name, schema in accepted(document):
        yield from () if name is None else (name,)
        for one in within(document, schema):
            yield from one.get("properties", ())


def test_every_id_in_a_request_is_known_to_have_the_moment_of_a_capture_or_not():
    found = {
        name
        for path in DOCUMENTS
        for name in names_in(json.loads(path.read_text()))
        if re.search(r"_ids?$", name)
    }
    assert {"read_ids", "pass_id", "capture_id"} <= found
    assert found - WITHOUT_A_CAPTURE <= RECORDS
    assert found >= WITHOUT_A_CAPTURE
    assert not RECORDS & WITHOUT_A_CAPTURE


def test_an_id_at_any_depth_of_a_body_is_found():
    schema = {
        "properties": {
            "a": {"items": {"anyOf": [{"$ref": "#/components/schemas/B"}, {"type": "null"}]}}
        }
    }
    named = {"B": {"properties": {"best_read_id": {}, "b": {"$ref": "#/components/schemas/B"}}}}
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    document = {"paths": {"/b": {"post": body}}, "components": {"schemas": named}}
    assert "best_read_id" in set(names_in(document))
