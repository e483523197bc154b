"""Names the rule of a read's shape that msgspec's message is about: our codes, our texts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.core.errors import ValueRefused
from shared.core.problem_codes import Common

MAX_NAME = 64
"""The most characters shown of a field's name, which may be the caller's own."""

JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
"""The JSON type of a type in msgspec's messages, where the two differ."""

Make = Callable[[str, str], ValueRefused]
"""Makes the refusal from the name of the field and the value in the message."""

_PLACE = re.compile(
    r"(?P<said>.*?)(?: - at `\$(?:\[(?P<index>\d+)\])?\.?(?P<field>.*)`)?", re.DOTALL
)
_MISSING = re.compile(r"Object missing required field `(.+)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)

_CHOICE = re.compile(r"Invalid enum value .*", re.DOTALL)
_INDEX = re.compile(r"\[\d+\]")


def _number(text: str) -> int | float:
    """Return a bound as its type has it: 0 for an integer, 0.0 for another number."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


_RULES: Sequence[tuple[re.Pattern[str], Make]] = (
    (
        re.compile(r"Expected `str(?: \| null)?` of length >= (\d+)"),
        lambda name, bound: ValueRefused(
            Common.FIELD_TOO_SHORT, name=name, min_characters=int(bound)
        ),
    ),
    (
        re.compile(r"Expected `str(?: \| null)?` of length <= (\d+)"),
        lambda name, bound: ValueRefused(
            Common.FIELD_TOO_LONG, name=name, max_characters=int(bound)
        ),
    ),
    (
        re.compile(r"Expected `array` of length <= (\d+)"),
        lambda name, bound: ValueRefused(Common.FIELD_TOO_MANY, name=name, max_items=int(bound)),
    ),
    (
        re.compile(r"Expected `(?:float|int)(?: \| null)?` >= (\S+)"),
        lambda name, bound: ValueRefused(Common.FIELD_TOO_LOW, name=name, least=_number(bound)),
    ),
    (
        re.compile(r"Expected `(?:float|int)(?: \| null)?` <= (\S+)"),
        lambda name, bound: ValueRefused(Common.FIELD_TOO_HIGH, name=name, most=_number(bound)),
    ),
    (
        re.compile(r"Expected `float(?: \| null)?` < (\S+)"),
        lambda name, bound: ValueRefused(Common.FIELD_NOT_BELOW, name=name, bound=float(bound)),
    ),
    (
        re.compile(r"Expected `(\w+)(?: \| null)?`, got `.*`"),
        lambda name, kind: ValueRefused(
            Common.FIELD_TYPE_WRONG, name=name, expected=JSON_TYPES.get(kind, kind)
        ),
    ),
    (
        re.compile(r"(Number) out of range"),
        lambda name, _: ValueRefused(Common.FIELD_OUT_OF_RANGE, name=name),
    ),
)


@dataclass(frozen=True)
class ShapeFault:
    """A fault in the shape of a batch."""

    why: ValueRefused
    index: int | None
    """The position of the read; None if the batch itself has the wrong shape."""

    field: str | None
    """The field of the read; None if the read is not an object."""


def shape_fault(
    message: str, fields: Mapping[str, Sequence[str]], choices: Mapping[str, Sequence[str]]
) -> ShapeFault:
    """Return the fault that a message of msgspec describes.

    Args:
        fields: the fields of a read, by "", and of the objects inside it, by the name of the field that lists them
            (`characters`, `characters[].alternatives`).
        choices: the allowed values, by the name of a field that has a few.
    """
    place = _PLACE.fullmatch(message)
    said, number, path = (
        (place["said"], place["index"], place["field"]) if place else (message, None, None)
    )
    index, path = None if number is None else int(number), path or ""
    inside = f"{path}." if path else ""
    if (missing := _MISSING.fullmatch(said)) is not None:
        name = inside + missing[1]
        return ShapeFault(ValueRefused(Common.FIELD_MISSING, name=name), index, name)
    if (unknown := _UNKNOWN.fullmatch(said)) is not None:
        name = inside + unknown[1][:MAX_NAME]
        allowed = list(fields.get(_INDEX.sub("[]", path).removesuffix("[]"), ()))
        return ShapeFault(
            ValueRefused(Common.FIELD_UNKNOWN, name=name, allowed=allowed), index, name
        )
    if _CHOICE.fullmatch(said) is not None and path in choices:
        why = ValueRefused(Common.FIELD_NOT_ALLOWED, name=path, allowed=list(choices[path]))
        return ShapeFault(why, index, path)
    name = path or ("body" if index is None else f"body.{index}")
    return ShapeFault(_broken(said, name), index, path or None)


def _broken(said: str, name: str) -> ValueRefused:
    for pattern, make in _RULES:
        if (found := pattern.fullmatch(said)) is not None:
            return make(name, found[1])
    return ValueRefused(Common.FIELD_INVALID, name=name, rule="shape")
