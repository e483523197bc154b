"""What commands say of a recomputed log: each figure of the verdict from its own count."""

import json
from base64 import b64encode

from services.audit.actions.commands import PRINTED_FAULTS, said
from services.audit.domain.recount import ErasedSum, LogFault, LogReport
from shared.core.signed_notes import Signer

KEYS = [Signer("example.org/log", bytes([number] * 32)).verifier for number in (1, 2)]
ROOT = bytes(range(32))


def a_verdict(**changes):
    given = {
        "entries": 20, "checkpoints": 3, "unsigned_entries": 7, "root": ROOT, "faults": [],
        "fault_count": 0, "first_bad": None, "values": 5, "left_out": 8,
        "erased": [ErasedSum("run-1", 2, "c1" * 32), ErasedSum("run-2", 4, "c2" * 32)],
    }  # fmt: skip
    return LogReport(**given | changes)


LINES = [
    "entries      20",
    "checkpoints  3",
    "unsigned     7",
    "values       5 compared, 8 left out of the export",
    f"root         {b64encode(ROOT).decode()}",
    f"key          {KEYS[0].vkey}",
    f"key          {KEYS[1].vkey}",
    f"erased       2 values under purge run-1, certificate {'c1' * 32}",
    f"erased       4 values under purge run-2, certificate {'c2' * 32}",
]
SUMMARY = {
    "ok": True, "entries": 20, "checkpoints": 3, "unsigned_entries": 7, "root": b64encode(ROOT).decode(),
    "keys": [key.key_id for key in KEYS], "values": 5, "values_left_out": 8, "erased": 6, "faults": 0,
    "first_bad": None,
}  # fmt: skip


def test_a_sound_log_is_said_with_all_that_was_counted():
    answer = said(a_verdict(), KEYS)
    *lines, last = answer.text.splitlines()
    assert (lines, json.loads(last), answer.data, answer.status) == (LINES, SUMMARY, SUMMARY, 0)


def test_faults_are_printed_up_to_some_and_all_are_counted():
    faults = [LogFault(f"entry {number} is altered", number) for number in range(25)]
    answer = said(a_verdict(faults=faults, fault_count=1004, first_bad=11), KEYS)
    *lines, last = answer.text.splitlines()
    printed = [f"FAULT        entry {number} is altered" for number in range(PRINTED_FAULTS)]
    assert lines == [*LINES, *printed, "FAULT        and 984 more"]
    assert json.loads(last) == SUMMARY | {"ok": False, "faults": 1004, "first_bad": 11}
    assert answer.status == 1
