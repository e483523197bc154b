import json

import pytest

from local.demo.auditing import recompute
from services.audit.actions.export import Line, Opening, Signature, as_line
from services.audit.domain.proofs import GENESIS, chained
from shared.core.merkle import Frontier, leaf_hash
from shared.core.signed_notes import Checkpoint, Signer

ORIGIN = "demo.test/audit"


def an_entry(kind, **data):
    return json.dumps({"type": f"alpr.{kind}.v1", "id": "x", "data": data})


ENTRIES = [
    an_entry("account.changed"),
    an_entry("access.attempted", allowed=True),
    an_entry("access.attempted", allowed=False),
    an_entry("records.disclosed"),
]


def export(entries):
    """Return an export's lines, and the signed note of a log of these entries."""
    signer, frontier, last = Signer(ORIGIN, bytes(range(32))), Frontier(), GENESIS
    opening = Opening(origin=ORIGIN, first=0, end=len(entries), peaks=[], last=last.hex(), keys=[])
    lines = [as_line(opening).decode()]
    for seq, entry in enumerate(entries):
        leaf = leaf_hash(entry.encode())
        last = chained(last, leaf)
        frontier.append(leaf)
        lines.append(as_line(Line(seq=seq, entry=entry, entry_hash=last.hex())).decode())
    note = signer.sign(Checkpoint(ORIGIN, frontier.size, frontier.root(), last).text)
    lines.append(as_line(Signature(checkpoint=note)).decode())
    return lines, note, [signer.verifier]


def test_a_whole_log_holds_and_its_accesses_are_counted():
    lines, note, verifiers = export(ENTRIES)
    proof = recompute("".join(lines).encode(), note, verifiers)
    assert proof.ok
    assert (proof.entries, proof.accesses, proof.refused) == (4, 2, 1)
    assert proof.signed_by.startswith(ORIGIN)


def altered(lines):
    lines[3] = lines[3].replace("false", "true")


def shortened(lines):
    lines.pop()


def swapped(lines):
    lines[2], lines[3] = lines[3], lines[2]


@pytest.mark.parametrize("change", [altered, shortened, swapped])
def test_a_tampered_log_does_not_verify(change):
    lines, note, verifiers = export(ENTRIES)
    change(lines)
    proof = recompute("".join(lines).encode(), note, verifiers)
    assert not proof.ok
    assert proof.checks


def test_a_checkpoint_of_another_key_does_not_verify():
    lines, note, _ = export(ENTRIES)
    other = [Signer(ORIGIN, bytes(32)).verifier]
    assert not recompute("".join(lines).encode(), note, other).ok


def test_a_rewritten_log_does_not_match_an_earlier_checkpoint():
    _, note, verifiers = export(ENTRIES)
    lines, _, _ = export([*ENTRIES[:2], an_entry("access.attempted", allowed=True), ENTRIES[3]])
    assert not recompute("".join(lines).encode(), note, verifiers).ok
