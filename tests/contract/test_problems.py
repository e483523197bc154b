"""Problem documents: a program needs the code and the parameters only; every text is ours."""

import json
import string
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import pytest
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deploy import problems
from deploy.openapi import FOLDER, app_of
from services.registry import names
from shared.core.problem_codes import Form
from shared.http.validation import FORMS, RULES, allowed_fields, invalid_request
from shared.service.spec import Kind

SENTENCES = {"fault", "detail", "message", "error", "text"}
"""Names of parameters that would hold a sentence."""


def sentences(template: str) -> set[str]:
    """Return the parameters of a template that hold a sentence made elsewhere."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name} & SENTENCES


def test_no_problem_text_inserts_a_sentence_from_elsewhere():
    codes = [one for codes in problems.lists().values() for one in codes]
    assert len(codes) > 300
    assert {one.code: found for one in codes if (found := sentences(one.text))} == {}


def test_a_problem_text_that_inserts_a_sentence_is_reported():
    assert sentences("{name}: {fault}") == {"fault"}


class Colour(StrEnum):
    """An enumeration, as a request may name one."""

    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    """An object inside a request."""

    model_config = ConfigDict(extra="forbid")
    deep: Annotated[str, Field(max_length=3)] = ""


class Sample(BaseModel):
    """A request with one field of each kind."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=3, max_length=5)] = "abc"
    shaped: Annotated[str, Field(pattern="^[0-9]+$")] = "1"
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$")] = "123456"
    whole: Annotated[int, Field(ge=1, le=9)] = 1
    real: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    flag: bool = True
    id: UUID = UUID(int=1)
    day: date = date(2026, 6, 1)
    at: AwareDatetime = datetime.fromisoformat("2026-06-01T12:00:00Z")
    one_of: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    items: Annotated[list[Inner], Field(min_length=1, max_length=2)] = [Inner()]
    maybe: Inner | None = None
    table: dict[str, Inner] = {}


WRONG: list[tuple[dict[str, Any], str, dict[str, Any], str]] = [
    ({"text": 1}, "field_type_wrong", {"expected": "string"}, "text must be of the type string"),
    ({"text": "a"}, "field_too_short", {"min_characters": 3}, "text must have 3 or more characters"),
    ({"text": "abcdef"}, "field_too_long", {"max_characters": 5}, "text must have 5 or fewer characters"),
    ({"shaped": "x"}, "field_pattern_differs", {"form": Form.DOCUMENTED, "pattern": "^[0-9]+$"}, "shaped must be as the API document describes it"),
    ({"code": "x"}, "field_pattern_differs", {"form": Form.SIX_DIGITS, "pattern": "^[0-9]{6}$"}, "code must be six digits, e.g. 492039"),
    ({"whole": "x"}, "field_type_wrong", {"expected": "integer"}, "whole must be of the type integer"),
    ({"whole": 1.5}, "field_type_wrong", {"expected": "integer"}, "whole must be of the type integer"),
    ({"whole": 0}, "field_too_low", {"least": 1}, "whole must be 1 or more"),
    ({"whole": 10}, "field_too_high", {"most": 9}, "whole must be 9 or less"),
    ({"whole": "9" * 5000}, "field_out_of_range", {}, "whole is a number outside the range that can be stored"),
    ({"real": []}, "field_type_wrong", {"expected": "number"}, "real must be of the type number"),
    ({"real": 0}, "field_not_above", {"bound": 0.0}, "real must be more than 0.0"),
    ({"real": 1}, "field_not_below", {"bound": 1.0}, "real must be less than 1.0"),
    ({"real": float("nan")}, "field_type_wrong", {"expected": "number"}, "real must be of the type number"),
    ({"flag": "x"}, "field_type_wrong", {"expected": "boolean"}, "flag must be of the type boolean"),
    ({"id": "x"}, "field_not_uuid", {}, "id must be a UUID"),
    ({"day": "x"}, "field_not_date", {}, "day must be a date, e.g. 2026-06-01"),
    ({"at": "x"}, "field_not_time", {}, "at must be a time, e.g. 2026-06-01T12:00:00Z"),
    ({"at": "2026-06-01T12:00:00"}, "field_not_time", {}, "at must be a time, e.g. 2026-06-01T12:00:00Z"),
    ({"one_of": "c"}, "field_not_allowed", {"allowed": ["a", "b"]}, "one_of must be one of: a, b"),
    ({"colour": "green"}, "field_not_allowed", {"allowed": ["red", "blue"]}, "colour must be one of: red, blue"),
    ({"items": {}}, "field_type_wrong", {"expected": "array"}, "items must be of the type array"),
    ({"items": []}, "field_too_few", {"min_items": 1}, "items must have 1 or more items"),
    ({"items": [{}] * 3}, "field_too_many", {"max_items": 2}, "items must have 2 or fewer items"),
    ({"maybe": 1}, "field_type_wrong", {"expected": "object"}, "maybe must be of the type object"),
    ({"table": []}, "field_type_wrong", {"expected": "object"}, "table must be of the type object"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "code", "params", "text"), WRONG)
def test_each_rule_of_a_field_has_a_code_parameters_and_our_own_text(given, code, params, text):
    [name] = given
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate(given)
    faults = [{**one, "loc": ("body", *one["loc"])} for one in refused.value.errors()]
    problem = invalid_request(RequestValidationError(faults), None)
    assert (problem.code, problem.params) == (code, {"name": name, **params})
    assert (problem.detail, problem.field) == (text, f"body.{name}")
    assert problem.errors is not None
    assert problem.errors[0]["fault"] == text


class CircleIn(BaseModel):
    """A member of a union."""

    model_config = ConfigDict(extra="forbid")
    latitude: float
    radius_m: float


class BoxIn(BaseModel):
    """Another member."""

    model_config = ConfigDict(extra="forbid")
    south: float
    north: float
    west: float


class PolygonIn(BaseModel):
    """A third one, with fewer fields."""

    model_config = ConfigDict(extra="forbid")
    points: list[float]


class Choice(BaseModel):
    """A request whose field may be one object or another."""

    area: CircleIn | BoxIn | PolygonIn | None = None


@pytest.mark.parametrize(
    ("area", "texts"),
    [
        ({"latitude": 1}, ["area.radius_m is required"]),
        ({"south": 1, "north": 2}, ["area.west is required"]),
        ({"south": "x", "north": 2, "west": 3}, ["area.south must be of the type number"]),
        ({"latitude": 1, "radius_m": 2, "BoxIn": 3}, ["area.BoxIn is not a field of this request; allowed: "]),
        ({"latitude": "39,9"}, ["area.latitude must be of the type number", "area.radius_m is required"]),
        ({"points": 1}, ["area.points must be of the type array"]),
        (7, ["area must be of the type object"]),
    ],
)  # fmt: skip
def test_a_fault_in_one_of_several_objects_is_that_of_the_closest_in_the_senders_words(area, texts):
    with pytest.raises(ValidationError) as refused:
        Choice.model_validate({"area": area})
    faults = [{**one, "loc": ("body", *one["loc"])} for one in refused.value.errors()]
    problem = invalid_request(RequestValidationError(faults), None)
    assert [one["fault"] for one in problem.errors or ()] == texts
    assert problem.field == "body." + texts[0].split(" ")[0]


def patterns(schema: Any) -> Iterator[str]:
    """Yield every pattern in a document."""
    if isinstance(schema, dict):
        if isinstance(found := schema.get("pattern"), str):
            yield found
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from patterns(inner)


def test_each_pattern_of_a_request_is_said_in_words():
    documents = [json.loads(path.read_text()) for path in FOLDER.glob("*.json")]
    found = {one for document in documents for one in patterns(document)}
    assert found == FORMS.keys()


OWN = frozenset({"extra_forbidden", "json_invalid", "value_error"})
"""Rules that `invalid_request` handles by itself: a `value_error` is a coded rule of ours."""

BREAKS = {
    "any": (),
    "no-info": (),
    "with-info": (),
    "tuple": ("tuple_type", "too_short", "too_long"),
    "model": ("model_type",),
    "model-fields": ("missing", "extra_forbidden", "model_attributes_type"),
    "model-field": (),
    "default": (),
    "nullable": (),
    "definitions": (),
    "definition-ref": (),
    "function-after": ("value_error",),
    "function-before": ("value_error",),
    "function-wrap": ("value_error",),
    "function-plain": ("value_error",),
    "json-or-python": (),
    "lax-or-strict": (),
    "chain": (),
    "union": (),
    "is-instance": (),
    "none": ("none_required",),
    "str": ("string_type", "string_unicode", "string_too_short", "string_too_long", "string_pattern_mismatch"),
    "int": ("int_type", "int_parsing", "int_parsing_size", "int_from_float", "greater_than", "less_than"),
    "float": ("float_type", "float_parsing", "finite_number", "greater_than_equal", "less_than_equal"),
    "bool": ("bool_type", "bool_parsing"),
    "uuid": ("uuid_type", "uuid_parsing"),
    "date": ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
    "datetime": ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
    "literal": ("literal_error",),
    "enum": ("enum",),
    "list": ("list_type", "too_short", "too_long"),
    "dict": ("dict_type",),
}  # fmt: skip
"""The rules that a value may break, by the type of Pydantic's schema."""


def schema_types(schema: Any) -> Iterator[str]:
    """Yield every type of schema inside a schema."""
    if isinstance(schema, dict):
        # `serialization` and the values of enumerations do not restrict a request.
        if isinstance(kind := schema.get("type"), str) and not schema.get("lax_schema"):
            yield kind
        for name, inner in schema.items():
            if name not in ("serialization", "metadata", "python_schema", "strict_schema"):
                yield from schema_types(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from schema_types(inner)


def fields_of(dependant: Any) -> Iterator[Any]:
    """Return the fields of a request, with those of the dependencies."""
    for where in ("body", "query", "path", "header"):
        yield from getattr(dependant, f"{where}_params")
    for inner in dependant.dependencies:
        yield from fields_of(inner)


def routes(service: str, folder: Any) -> list[APIRoute]:
    """Return the routes of a service."""
    app = app_of(service, folder)
    return [c.route for c in iter_route_contexts(app.routes) if isinstance(c.route, APIRoute)]


def uncovered(annotation: Any) -> set[str]:
    """Types of schema inside a type whose rules have no refusal of ours."""
    used = set(schema_types(TypeAdapter(annotation).core_schema))
    return {one for one in used if not set(BREAKS.get(one, ["?"])) <= RULES.keys() | OWN}


@pytest.mark.parametrize("service", names(Kind.API))
def test_every_rule_of_every_request_has_our_own_refusal(service, tmp_path):
    fields = [one for route in routes(service, tmp_path) for one in fields_of(route.dependant)]
    assert len(fields) > 5
    for one in fields:
        info = one.field_info
        assert uncovered(Annotated[info.annotation, info]) == set(), one.name


def test_a_planted_request_with_another_kind_of_value_is_found():
    assert uncovered(Sample) == set()
    assert uncovered(dict[str, Decimal]) == {"decimal"}


def test_every_refusal_belongs_to_a_rule_that_a_request_may_break():
    assert {rule for rules in BREAKS.values() for rule in rules} == RULES.keys() | OWN - {
        "json_invalid"
    }


@pytest.mark.parametrize("service", names(Kind.API))
def test_an_unknown_field_is_refused_with_the_fields_that_a_request_has(service, tmp_path):
    found = 0
    for route in routes(service, tmp_path):
        for where in ("body", "query"):
            for one in getattr(route.dependant, f"{where}_params"):
                kind = one.field_info.annotation
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    expected = [f.alias or name for name, f in kind.model_fields.items()]
                    assert allowed_fields(route.dependant, (where, "planted")) == expected
                    found += 1
    assert found, f"{service} has no request with fields"


class Where:
    """A route's dependencies, as `allowed_fields` reads them."""

    dependencies: tuple[()] = ()

    def __init__(self, kind: Any) -> None:
        field = type("OneField", (), {"field_info": type("Info", (), {"annotation": kind})})
        self.body_params = [field]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (("body", "x"), list(Sample.model_fields)),
        (("body", "items", 0, "x"), ["deep"]),
        (("body", "maybe", "x"), ["deep"]),
        (("body", "table", "key", "x"), ["deep"]),
        (("body", "text", "x"), []),
    ],
)
def test_the_allowed_fields_belong_to_the_object_with_the_unknown_field(place, expected):
    where: Any = Where(Sample)
    assert allowed_fields(where, place) == expected


BODIES: list[tuple[bytes, int, str, dict[str, Any], str]] = [
    (
        b'{"username":\n  }',
        400,
        "json_invalid",
        {"line": 2, "column": 3},
        "the body is not valid JSON near line 2, column 3",
    ),
    (
        b"{}",
        422,
        "field_missing",
        {"name": "username"},
        "username is required",
    ),
    (
        b'{"username": 7, "password": "x", "code": "1"}',
        422,
        "field_type_wrong",
        {"name": "username", "expected": "string"},
        "username must be of the type string",
    ),
    (b"[]", 422, "field_type_wrong", {"name": "body", "expected": "object"}, "body must be of the type object"),
    (b"", 422, "field_missing", {"name": "body"}, "body is required"),
]  # fmt: skip


@pytest.fixture
async def sign_in(tmp_path):
    """Post a body to a route of identity that has no guard."""
    app = app_of("identity", tmp_path)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:

        async def post(body: bytes) -> httpx.Response:
            headers = {"Content-Type": "application/json"}
            return await client.post("/v1/sessions", content=body, headers=headers)

        yield post


@pytest.mark.parametrize(("body", "status", "code", "params", "text"), BODIES)
async def test_a_wrong_body_is_answered_with_its_code_parameters_and_text(
    sign_in, body, status, code, params, text
):
    answer = await sign_in(body)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["code"]) == (status, code)
    assert (problem["params"], problem["detail"]) == (params, text)


async def test_an_unknown_field_is_answered_with_the_allowed_ones(sign_in):
    problem = (await sign_in(b'{"user": "x"}')).json()
    [unknown] = [one for one in problem["errors"] if one["code"] == "field_unknown"]
    assert unknown["params"]["name"] == "user"
    assert "username" in unknown["params"]["allowed"]
    assert unknown["fault"].startswith("user is not a field of this request; allowed: ")
    assert "username" in unknown["fault"]
