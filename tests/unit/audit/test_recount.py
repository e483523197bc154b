"""A recount reports checkpoints that outsiders kept, whatever part of the log it has, and counts very many faults."""

import pytest

from services.audit.domain.proofs import GENESIS, chained
from services.audit.domain.recount import MAX_FAULTS, Faults, Recount
from shared.core.merkle import Frontier, leaf_hash
from shared.core.signed_notes import Checkpoint, Signer

pytestmark = pytest.mark.clause("468.6/unalterable")

SIGNER = Signer("example.org/log", bytes(32))
ENTRIES = [b"one", b"two", b"three", b"four"]


def log_of(count):
    """The frontier and the chain hash after so many entries."""
    frontier, last = Frontier(), GENESIS
    for content in ENTRIES[:count]:
        leaf = leaf_hash(content)
        frontier.append(leaf)
        last = chained(last, leaf)
    return frontier, last


def outside_note(size, origin="example.org/log"):
    """A checkpoint that an outsider keeps."""
    frontier, last = log_of(size)
    return SIGNER.sign(Checkpoint(origin, size, frontier.root(), last, 0).text)


def recounted(notes, *, first=0, end=4):
    frontier, last = log_of(first)
    recount = Recount(
        "example.org/log", [SIGNER.verifier], frontier=frontier, last=last, exported=True
    )
    recount.expect_checkpoints(notes)
    for seq in range(first, end):
        leaf = leaf_hash(ENTRIES[seq])
        recount.add_entry(seq, ENTRIES[seq], chained(recount.last, leaf))
    recount.sign(outside_note(end))
    return recount.verdict()


@pytest.mark.parametrize(
    ("size", "first", "fault"),
    [
        (4, 0, None),
        (4, 2, None),
        (2, 2, None),
        (1, 2, "a checkpoint kept elsewhere, of size 1, is older than the first entry"),
        (3, 2, "the log lacks the checkpoint of size 3 that was kept elsewhere"),
        (3, 0, "the log lacks the checkpoint of size 3 that was kept elsewhere"),
    ],
)
def test_a_checkpoint_kept_elsewhere_is_in_the_log_or_a_fault(size, first, fault):
    found = recounted([outside_note(size)], first=first)
    assert [one.what for one in found.faults] == ([fault] if fault else [])


def test_a_log_that_ends_before_a_checkpoint_kept_elsewhere_was_cut_off():
    [fault] = recounted([outside_note(4)], end=3).faults
    assert fault.what == "by a signed checkpoint there were 4 entries; there are 3"
    assert (fault.seq, fault.size) == (3, 4)


def test_a_checkpoint_of_another_log_is_a_fault():
    [fault] = recounted([outside_note(4, "example.org/other")]).faults
    assert fault.what == "a checkpoint belongs to another log, 'example.org/other'"


def test_a_part_of_a_log_without_entries_is_a_fault():
    frontier, last = log_of(4)
    recount = Recount("example.org/log", [SIGNER.verifier], frontier=frontier, last=last)
    assert [one.what for one in recount.verdict().faults] == ["there are no entries"]


@pytest.mark.parametrize("more", [0, 1, 5])
def test_faults_beyond_those_listed_are_counted(more):
    faults = Faults()
    for number in range(MAX_FAULTS + more, 0, -1):
        faults.add("odd", number)
    assert (len(faults.found), faults.count) == (MAX_FAULTS, MAX_FAULTS + more)
    assert faults.first_bad == 1
