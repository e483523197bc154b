"""The delivered rules in a hurry: the same expressions, with shorter times and lower limits, made by program.

`for`, ranges and offsets are divided by FASTER, no `for` is longer than LONGEST_FOR_S, and LIMITS replaces ages and
numbers that a small stack does not reach within minutes. Nothing else changes, and a limit that is no longer in its
rule is refused.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.chaos.rules import rules, seconds

FASTER = 60
LEAST_S = 3
"""A range has at least so many scrapes."""
LONGEST_FOR_S = 60

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
    "MonthsOverdue": {"< 35 * 86400": "< 1"},
    "CheckpointLate": {"> 900": "> 45"},
    "TokenKeyOld": {
        "max(alpr_token_key_rotated_after_seconds) + 86400": (
            "max(alpr_token_key_rotated_after_seconds) * 0 + 60"
        )
    },
    "CameraWithoutReads": {"[7d]": "[3h]", "[1d]": "[10m]"},
}
"""By rule, what is replaced in its expression."""

USED_BYTES: Mapping[str, tuple[str, int]] = {
    "DiskFilling": ("< 0.2", 2 * 2**30),
    "DiskFull": ("< 0.08", 4 * 2**30),
    "KafkaDiskFilling": ("> 0.7", 2 * 2**30),
    "KafkaDiskFull": ("> 0.85", 4 * 2**30),
}
"""By rule of the disks, its limit, and how much more may be used than at the start until it fires."""


class Disk(NamedTuple):
    """The disk of the stack at the start."""

    size_bytes: int
    free_bytes: int

    def limit(self, name: str) -> dict[str, str]:
        """Return a rule's limit, and bytes of today, or a share of them, in its place."""
        share, more = USED_BYTES[name]
        if name.startswith("Kafka"):
            return {share: f"> {1 - (self.free_bytes - more) / self.size_bytes:.6f}"}
        size = "node_filesystem_size_bytes"
        return {f"{share} * {size}": f"< {self.free_bytes - more} + 0 * {size}"}


_RANGE = re.compile(r"\[(\d+[smhd])\]")
_OFFSET = re.compile(r"offset (\d+[smhd])")


def hurried(disk: Disk) -> dict[str, Any]:
    """Return the rules in a hurry."""
    limits = {**LIMITS, **{name: disk.limit(name) for name in USED_BYTES}}
    return {
        "groups": [
            {
                **group,
                "rules": [_hurried(rule, limits.get(rule["alert"], {})) for rule in group["rules"]],
            }
            for group in rules()["groups"]
        ]
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
    waits = {"for": _shorter(rule["for"], 0, LONGEST_FOR_S)} if "for" in rule else {}
    return {**rule, "expr": expr, **waits}


def _shorter(duration: str, least_s: float = LEAST_S, most_s: float = math.inf) -> str:
    return f"{round(1000 * min(most_s, max(least_s, seconds(duration) / FASTER)))}ms"
