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
    "ReadsLate": {"> 5000": "> 50"},
    "ConsumerLagging": {"> 1000": "> 20"},
    "PassesBehind": {"> 600": "> 30"},
    "PurgeLate": {"> 2 * 86400": "> 5"},
}
"""By rule, what is replaced in its expression."""

USED_BYTES: Mapping[str, tuple[str, int]] = {
    "DiskFilling": ("< 0.2", 2 * 2**30),
    "DiskFull": ("< 0.08", 4 * 2**30),
}
"""By rule of the disks, its limit, and how much more may be used than at the start until it fires."""

_RANGE = re.compile(r"\[(\d+[smhd])\]")
_OFFSET = re.compile(r"offset (\d+[smhd])")


def hurried(free_bytes: int) -> dict[str, Any]:
    """Return the rules in a hurry; `free_bytes` are free on the disk of the stack at the start."""
    limits = {**LIMITS, **_disk_limits(free_bytes)}
    return {
        "groups": [
            {
                **group,
                "rules": [_hurried(rule, limits.get(rule["alert"], {})) for rule in group["rules"]],
            }
            for group in rules()["groups"]
        ]
    }


def _disk_limits(free_bytes: int) -> dict[str, dict[str, str]]:
    """Return bytes of today in place of shares of a disk's size."""
    return {
        name: {
            f"{share} * node_filesystem_size_bytes": (
                f"< {free_bytes - used} + 0 * node_filesystem_size_bytes"
            )
        }
        for name, (share, used) in USED_BYTES.items()
    }


def _hurried(rule: Mapping[str, Any], limits: Mapping[str, str]) -> dict[str, Any]:
    expr = rule["expr"]
    for before, after in limits.items():
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
