"""Numbers and times in requests fit their columns: a caller who sends 10^30 gets a 422 and no 500."""

import ast
import json

import pytest

from tests.architecture.request_schemas import accepted, within
from tests.architecture.source import ROOT, modules, tree

DOCUMENTS = sorted((ROOT / "docs/openapi").glob("*.json"))
MOST = 1 << 62
UNBOUNDED = {"AwareDatetime", "NaiveDatetime", "PastDatetime", "FutureDatetime"}


def unbounded(document):
    """Yield what a request may hold as a whole number without an upper bound, by its place."""
    for place, _, schema in accepted(document):
        for number in _integers(document, schema):
            if number.get("maximum", number.get("exclusiveMaximum", MOST + 1)) > MOST:
                yield place


def unbounded_times(parsed):
    """Yield the lines at which a module uses a type of times without bounds."""
    for node in ast.walk(parsed):
        name = (
            getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
        )
        if isinstance(name, str) and name in UNBOUNDED:
            yield node.lineno


def test_every_whole_number_that_a_request_may_hold_has_an_upper_bound():
    documents = {path.stem: json.loads(path.read_text()) for path in DOCUMENTS}
    seen = sum(
        1
        for document in documents.values()
        for _, _, schema in accepted(document)
        for _ in _integers(document, schema)
    )
    assert seen > 20, "found hardly any: the walk is broken"
    found = {name: list(unbounded(document)) for name, document in documents.items()}
    assert not {name: places for name, places in found.items() if places}


def a_document(schema, *, body=False):
    """An OpenAPI document of one operation that accepts a value of `schema`, as a parameter or in its body."""
    operation = (
        {"requestBody": {"content": {"application/json": {"schema": schema}}}}
        if body
        else {"parameters": [{"name": "limit", "schema": schema}]}
    )
    named = {
        "Hold": {
            "properties": {"days": {"type": "integer"}, "of": {"$ref": "#/components/schemas/Hold"}}
        }
    }
    return {"paths": {"/holds": {"get": operation}}, "components": {"schemas": named}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"type": "integer", "minimum": 0},
        {"type": "integer", "maximum": 10**30},
        {"type": "integer", "exclusiveMaximum": 1 << 63},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"type": "array", "items": {"type": "integer"}},
        {"$ref": "#/components/schemas/Hold"},
    ],
)
@pytest.mark.parametrize("body", [False, True])
def test_a_number_without_an_upper_bound_is_found(schema, body):
    assert list(unbounded(a_document(schema, body=body)))


@pytest.mark.parametrize(
    "schema",
    [{"type": "integer", "maximum": 500}, {"type": "integer", "enum": [1, 2]}, {"type": "string"}],
)
def test_a_number_with_an_upper_bound_is_not_reported(schema):
    assert not list(unbounded(a_document(schema, body=True)))


def test_every_time_parameter_of_a_service_has_the_bounded_type():
    found = {
        path.relative_to(ROOT): list(unbounded_times(tree(path))) for path in modules("services")
    }
    assert not {path: lines for path, lines in found.items() if lines}


@pytest.mark.parametrize(
    "text",
    [
        "from pydantic import AwareDatetime",
        "from pydantic import AwareDatetime as Time",
        "import pydantic\ndef f(at: pydantic.AwareDatetime): ...",
        "from pydantic import NaiveDatetime",
    ],
)
def test_a_time_without_bounds_is_found(text):
    assert list(unbounded_times(ast.parse(text)))


def _integers(document, schema):
    """Yield every schema of a whole number within `schema`."""
    for one in within(document, schema):
        if one.get("type") == "integer" and "enum" not in one:
            yield one
