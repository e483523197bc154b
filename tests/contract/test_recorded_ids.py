"""Ids that begin with the moment of capture are recorded as digests, whatever request names them."""

import json
import re
from collections.abc import Iterator
from typing import Any

from shared.access.data_elements import RECORDS
from tests.architecture.source import ROOT

DOCUMENTS = sorted((ROOT / "docs/openapi").glob("*.json"))
WITHOUT_A_CAPTURE = {
    "account_id",
    "audit_id",
    "booking_id",
    "device_id",
    "device_ids",
    "document_id",
    "entry_id",
    "export_id",
    "finding_id",
    "hit_id",
    "hold_id",
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
    schemas = document["components"]["schemas"]
    for operation in (one for ways in document["paths"].values() for one in ways.values()):
        yield from (one["name"] for one in operation.get("parameters", ()))
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from fields_of(content["schema"], schemas, frozenset())


def fields_of(schema: Any, schemas: Any, seen: frozenset[str]) -> Iterator[str]:
    """Yield the names of fields at every depth of a schema."""
    if isinstance(schema, list):
        for one in schema:
            yield from fields_of(one, schemas, seen)
    if not isinstance(schema, dict):
        return
    yield from schema.get("properties", ())
    for key, value in schema.items():
        if key != "$ref":
            yield from fields_of(value, schemas, seen)
        elif (name := value.rpartition("/")[2]) not in seen:
            yield from fields_of(schemas[name], schemas, seen | {name})


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
    schema = {"properties": {"a": {"items": {"anyOf": [{"$ref": "#/x/B"}, {"type": "null"}]}}}}
    schemas = {"B": {"properties": {"best_read_id": {}, "b": {"$ref": "#/x/B"}}}}
    assert "best_read_id" in set(fields_of(schema, schemas, frozenset()))
