"""Numbers and times in requests fit their columns: a caller who sends 10^30 gets a 422 and no 500."""

import json

from tests.architecture.source import ROOT

DOCUMENTS = sorted((ROOT / "docs/openapi").glob("*.json"))
MOST = 1 << 62


def test_every_whole_number_that_a_request_may_hold_has_an_upper_bound():
    unbounded, seen = [], 0
    for path in DOCUMENTS:
        document = json.loads(path.read_text())
        for place, schema in _accepted(document):
            for number in _integers(document, schema):
                seen += 1
                if number.get("maximum", number.get("exclusiveMaximum", MOST + 1)) > MOST:
                    unbounded.append(f"{path.stem} {place}")
    assert seen > 20
    assert unbounded == []


def test_every_time_that_a_service_takes_is_of_the_bounded_kind():
    taking = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "services").rglob("*.py")
        if "AwareDatetime" in path.read_text()
    ]
    assert taking == []


def _accepted(document):
    """Yield each parameter's and body's schema with its position."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                yield f"{method} {path} {parameter['name']}", parameter["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield f"{method} {path}", content["schema"]


def _integers(document, schema, seen=()):
    """Yield every schema of a whole number within `schema`."""
    if isinstance(schema, list):
        for part in schema:
            yield from _integers(document, part, seen)
    elif isinstance(schema, dict):
        name = schema.get("$ref", "").removeprefix("#/components/schemas/")
        if name and name not in seen:
            yield from _integers(document, document["components"]["schemas"][name], (*seen, name))
        if schema.get("type") == "integer" and "enum" not in schema:
            yield schema
        for key, part in schema.items():
            if key not in ("examples", "example", "enum", "default"):
                yield from _integers(document, part, seen)
