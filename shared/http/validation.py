"""Converts the faults that FastAPI and Pydantic find in a request into one of our errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.core.errors import AlprError, InvalidInput, Malformed, ValueRefused
from shared.core.problem_codes import Common

LIMITS = frozenset(
    {"ge", "gt", "le", "lt", "min_length", "max_length", "actual_length", "expected", "pattern"}
)
"""The facts of Pydantic about a rule that the answer shows: bounds and allowed values, never the refused value."""


def invalid_request(faults: Sequence[Mapping[str, Any]]) -> AlprError:
    """Return the refusal of a request for the faults that Pydantic found, at least one; its `errors` lists them all."""
    found = [_refusal(fault) for fault in faults]
    first = next((one for one in found if isinstance(one, Malformed)), found[0])
    first.errors = [
        {"field": one.field, "code": one.code, "params": one.params, "fault": fault["msg"]}
        for one, fault in zip(found, faults, strict=True)
    ]
    return first


def _refusal(fault: Mapping[str, Any]) -> AlprError:
    field = ".".join(str(part) for part in fault["loc"])
    said = fault.get("ctx", {})
    if isinstance(refused := said.get("error"), ValueRefused):
        return refused.at(field)
    match fault["type"]:
        case "json_invalid":
            return Malformed(Common.JSON_INVALID, field=field, name=field, fault=fault["msg"])
        case "missing":
            return InvalidInput(Common.FIELD_MISSING, field=field, name=field)
        case "extra_forbidden":
            return InvalidInput(Common.FIELD_UNKNOWN, field=field, name=field)
        case rule:
            return InvalidInput(
                Common.FIELD_INVALID,
                field=field,
                name=field,
                fault=fault["msg"],
                rule=rule,
                limits={name: limit for name, limit in said.items() if name in LIMITS},
            )
