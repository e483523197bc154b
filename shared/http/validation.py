"""Converts the faults that FastAPI and Pydantic find in a request into our errors: our codes, our texts."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from shared.core.errors import AlprError, ValueRefused
from shared.core.json_position import not_json
from shared.core.problem_codes import Common, Form

Facts = Mapping[str, Any]
"""Pydantic's facts about a rule: its bounds and allowed values, never the refused value."""

Rule = Callable[[str, Facts], ValueRefused]
"""Makes the refusal of a field from its name and the facts of the rule."""

JSON_TYPES = {
    "string_type": "string",
    "string_unicode": "string",
    "int_type": "integer",
    "int_parsing": "integer",
    "int_from_float": "integer",
    "float_type": "number",
    "float_parsing": "number",
    "finite_number": "number",
    "bool_type": "boolean",
    "bool_parsing": "boolean",
    "none_required": "null",
    "list_type": "array",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}
"""The JSON type that a value must have, by Pydantic's rule."""

FORMS: Mapping[str, Form] = {
    r"^[0-9]{6}$": Form.SIX_DIGITS,
    r"^[A-Za-z0-9_-]{20,100}$": Form.TOKEN,
    r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$": Form.EMAIL,
    r"^[A-Z]{2}-[A-Z0-9]{1,3}$": Form.STATE,
    r"^[0-9a-f]{64}$": Form.SHA256,
    r"^[0-9a-fA-F]{64}$": Form.SHA256,
    r"^[!-~]+$": Form.VISIBLE,
    r"^[A-Za-z0-9_-]+$": Form.BASE64URL,
    r"^[^\x00-\x1f\x7f]*$": Form.PRINTABLE,
    r"^[a-z_]+$": Form.WORD,
    r"^[A-Za-z]{2}[A-Za-z0-9]{7}$": Form.ORI,
}
"""What a text is that matches a request model's pattern."""

_MEMBER = re.compile(r"[A-Z]\w*(?:In|Query)$|[a-z-]+\[")
"""A member of a union in the place of a fault: a request model, or a type such as `list[str]`."""

STRANGE = 1000
"""How many other faults one field weighs that a member of a union does not have."""

_NOT_UUID = frozenset({"uuid_type", "uuid_parsing"})
_NOT_DATE = frozenset(
    {"date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"}
)
_NOT_TIME = frozenset(
    {
        "datetime_type",
        "datetime_parsing",
        "datetime_from_date_parsing",
        "timezone_aware",
    }
)


def _typed(expected: str) -> Rule:
    return lambda name, _: ValueRefused(Common.FIELD_TYPE_WRONG, name=name, expected=expected)


def _not_allowed(name: str, facts: Facts) -> ValueRefused:
    allowed = re.findall(r"'([^']*)'|(\d+)", str(facts["expected"]))
    return ValueRefused(
        Common.FIELD_NOT_ALLOWED, name=name, allowed=[text or number for text, number in allowed]
    )


RULES: Mapping[str, Rule] = {
    "missing": lambda name, _: ValueRefused(Common.FIELD_MISSING, name=name),
    "literal_error": _not_allowed,
    "enum": _not_allowed,
    "string_too_short": lambda name, facts: ValueRefused(
        Common.FIELD_TOO_SHORT, name=name, min_characters=facts["min_length"]
    ),
    "string_too_long": lambda name, facts: ValueRefused(
        Common.FIELD_TOO_LONG, name=name, max_characters=facts["max_length"]
    ),
    "string_pattern_mismatch": lambda name, facts: ValueRefused(
        Common.FIELD_PATTERN_DIFFERS,
        name=name,
        form=FORMS.get(facts["pattern"], Form.DOCUMENTED),
        pattern=facts["pattern"],
    ),
    "too_short": lambda name, facts: ValueRefused(
        Common.FIELD_TOO_FEW, name=name, min_items=facts["min_length"]
    ),
    "too_long": lambda name, facts: ValueRefused(
        Common.FIELD_TOO_MANY, name=name, max_items=facts["max_length"]
    ),
    "greater_than_equal": lambda name, facts: ValueRefused(
        Common.FIELD_TOO_LOW, name=name, least=facts["ge"]
    ),
    "less_than_equal": lambda name, facts: ValueRefused(
        Common.FIELD_TOO_HIGH, name=name, most=facts["le"]
    ),
    "greater_than": lambda name, facts: ValueRefused(
        Common.FIELD_NOT_ABOVE, name=name, bound=facts["gt"]
    ),
    "less_than": lambda name, facts: ValueRefused(
        Common.FIELD_NOT_BELOW, name=name, bound=facts["lt"]
    ),
    "int_parsing_size": lambda name, _: ValueRefused(Common.FIELD_OUT_OF_RANGE, name=name),
    **{rule: _typed(expected) for rule, expected in JSON_TYPES.items()},
    **dict.fromkeys(_NOT_UUID, lambda name, _: ValueRefused(Common.FIELD_NOT_UUID, name=name)),
    **dict.fromkeys(_NOT_DATE, lambda name, _: ValueRefused(Common.FIELD_NOT_DATE, name=name)),
    **dict.fromkeys(_NOT_TIME, lambda name, _: ValueRefused(Common.FIELD_NOT_TIME, name=name)),
}
"""The refusal for each of Pydantic's rules that a request model may break; `extra_forbidden` needs the model too."""


def invalid_request(refused: RequestValidationError, route: object) -> AlprError:
    """Return the refusal of a request to `route`, for its first fault; its `errors` lists all faults."""
    faults = refused.errors()
    if faults[0]["type"] == "json_invalid":
        return not_json(str(refused.body)[: faults[0]["loc"][1]])
    dependant = route.dependant if isinstance(route, APIRoute) else None
    found = [_refusal(fault, dependant) for fault in _closest(faults)]
    first = found[0]
    first.errors = [
        {"field": one.field, "code": one.code, "params": one.params, "fault": one.detail}
        for one in found
    ]
    return first


def _refusal(fault: Mapping[str, Any], dependant: Dependant | None) -> AlprError:
    rule: str = fault["type"]
    place: Sequence[str | int] = fault["loc"]
    members = set(_members(fault))
    field = ".".join(str(one) for number, one in enumerate(place) if number not in members)
    name = field.partition(".")[2] or field
    facts: Facts = fault.get("ctx", {})
    if isinstance(refused := facts.get("error"), ValueRefused):
        return refused.at(field)
    if rule == "extra_forbidden":
        allowed = [] if dependant is None else allowed_fields(dependant, place)
        return ValueRefused(Common.FIELD_UNKNOWN, name=name, allowed=allowed).at(field)
    if (make := RULES.get(rule)) is not None:
        return make(name, facts).at(field)
    return ValueRefused(Common.FIELD_INVALID, name=name, rule=rule).at(field)


def _members(fault: Mapping[str, Any]) -> Iterator[int]:
    """Yield where a fault's place names a member of a union, which the sender did not write."""
    place: Sequence[str | int] = fault["loc"]
    written = place[-1:] if fault["type"] == "extra_forbidden" else ()
    for number, one in enumerate(place[: len(place) - len(written)]):
        if number and isinstance(one, str) and _MEMBER.match(one):
            yield number


def _closest(faults: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the faults of the member of each union that the value is closest to.

    It is the one that has the fields that were sent, or most of them; of several the one with the fewest faults.
    """
    counted: dict[tuple[str | int, ...], Counter[str | int]] = defaultdict(Counter)
    for fault in faults:
        for number in _members(fault):
            weight = STRANGE if fault["type"] == "extra_forbidden" else 1
            counted[tuple(fault["loc"][:number])][fault["loc"][number]] += weight
    closest = {where: min(found, key=lambda one: found[one]) for where, found in counted.items()}
    return [
        fault
        for fault in faults
        if all(closest[tuple(fault["loc"][:n])] == fault["loc"][n] for n in _members(fault))
    ]


def allowed_fields(dependant: Dependant, place: Sequence[str | int]) -> list[str]:
    """Return the fields that a request may have beside the one at `place`, such as ("body", "area", "radius")."""
    where, path = str(place[0]), place[1:-1]
    given: list[Any] = getattr(dependant, f"{where}_params", [])
    for one in given:
        if names := _fields(one.field_info.annotation, path):
            return names
    inner = (allowed_fields(one, place) for one in dependant.dependencies)
    return next((names for names in inner if names), [])


def _fields(kind: Any, path: Sequence[str | int]) -> list[str]:
    """Return the names of the fields of the model at `path` inside a type; an empty list without such a model."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _fields(inside[0], path)
    if origin in (Union, UnionType):
        # Pydantic names the member of a union in the path, but not of an optional value.
        paths = [(one, path) for one in inside] + [(one, path[1:]) for one in inside if path]
        return next((names for one, rest in paths if (names := _fields(one, rest))), [])
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        own = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        if not path:
            return list(own)
        return _fields(own.get(str(path[0])), path[1:])
    if inside and path:
        return _fields(inside[-1], path[1:])  # an item of a list, or a value of an object
    return []
