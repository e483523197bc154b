"""The delivered rules in a hurry: the same expressions, with shorter times and lower limits, made by program.

`for`, ranges and offsets are divided by FASTER, and LIMITS replaces ages and numbers that a small stack does not reach
within minutes. Nothing else changes, and a limit that is no longer in its rule is refused.
"""

import re
from collections.abc import Mapping
from typing import Any

from tests.chaos.rules import rules, seconds

FASTER = 60
LEAST_S = 3
"""A range has at least so many scrapes."""

LIMITS: Mapping[str, Mapping[str, str]] = {
    "OutboxWaiting": {"> 500": "> 5"},
    "AuditLogBehind": {"> 60": "> 25"},
    "FindingsOpen": {"> 86400": "> 5"},
    "CameraSilent": {
        "max(alpr_camera_silent_after_seconds)": "max(alpr_camera_silent_after_seconds) * 0 + 45"
    },
    "SignInsRefused": {"> 20": "> 10"},
    "RecognitionBehind": {"> 500": "> 3"},
}
"""By rule, what is replaced in its expression."""

_RANGE = re.compile(r"\[(\d+[smhd])\]")
_OFFSET = re.compile(r"offset (\d+[smhd])")


def hurried() -> dict[str, Any]:
    """Return the rules in a hurry."""
    return {
        "groups": [
            {**group, "rules": [_hurried(rule) for rule in group["rules"]]}
            for group in rules()["groups"]
        ]
    }


def _hurried(rule: Mapping[str, Any]) -> dict[str, Any]:
    expr = rule["expr"]
    for before, after in LIMITS.get(rule["alert"], {}).items():
        if expr.count(before) != 1:
            message = f"{rule['alert']} has {before!r} {expr.count(before)} times"
            raise ValueError(message)
        expr = expr.replace(before, after)
    expr = _RANGE.sub(lambda found: f"[{_shorter(found[1])}]", expr)
    expr = _OFFSET.sub(lambda found: f"offset {_shorter(found[1])}", expr)
    waits = {"for": _shorter(rule["for"], least_s=0)} if "for" in rule else {}
    return {**rule, "expr": expr, **waits}


def _shorter(duration: str, least_s: float = LEAST_S) -> str:
    return f"{round(1000 * max(least_s, seconds(duration) / FASTER))}ms"
