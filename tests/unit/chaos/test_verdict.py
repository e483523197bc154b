"""A planted loss, a planted double and an access without an entry are found; a whole run passes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.verdict import DeadLetter, Sent, Sighting, Stored, judge

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def sighting(number: int) -> Sighting:
    return Sighting("camera", f"7ABC{number:03}", AT + timedelta(microseconds=number))


PASSING = [
    ("read-20", Sighting("camera", "8XYZ987", AT)),
    ("read-21", Sighting("camera", "8XYZ987", AT + timedelta(seconds=1.9))),
    ("read-22", Sighting("camera", "8XYZ987", AT + timedelta(seconds=9))),
    ("read-23", Sighting("another", "8XYZ987", AT)),
]
"""Two reads of one pass, and two that are none."""


SENT = Sent(
    reads={f"read-{n}": sighting(n) for n in range(10)},
    listed={"read-3", "read-4"},
    frames={"capture-1": "7ABC123"},
    accesses=["access-1", "access-2"],
)
KEPT = Stored(
    reads=[*[(f"read-{n}", sighting(n)) for n in range(10)], *PASSING],
    captures=["capture-1"],
    reads_of_captures=[("capture-1", "7ABC123")],
    reads_of_passes=["read-20", "read-21"],
    hits=[("hit-3", "read-3", "entry-3"), ("hit-4", "read-4", "entry-4")],
    hits_logged=["hit-3", "hit-4"],
    accesses_logged=["access-1", "access-2", "of somebody else", "of somebody else"],
    log_ok=True,
)


def test_a_whole_run_passes():
    verdict = judge(SENT, KEPT)
    assert verdict.ok
    assert (verdict.lost_count, verdict.doubled_count) == (0, 0)


def test_what_was_never_acknowledged_may_be_there_too():
    more = replace(
        KEPT, reads=[*KEPT.reads, ("read-11", sighting(11))], captures=["capture-1", "2"]
    )
    assert judge(SENT, more).ok


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("reads", replace(KEPT, reads=KEPT.reads[1:])),
        ("captures", replace(KEPT, captures=[])),
        ("reads of captures", replace(KEPT, reads_of_captures=[])),
        ("reads of captures", replace(KEPT, reads_of_captures=[("capture-1", "7ABC124")])),
        ("passes of reads", replace(KEPT, reads_of_passes=KEPT.reads_of_passes[1:])),
        ("passes of reads", replace(KEPT, reads_of_passes=KEPT.reads_of_passes[:1])),
        ("hits", replace(KEPT, hits=KEPT.hits[1:], hits_logged=KEPT.hits_logged[1:])),
        ("hits in the log", replace(KEPT, hits_logged=["hit-4"])),
    ],
)
def test_a_planted_loss_is_found(kind, kept):
    verdict = judge(SENT, kept)
    assert not verdict.ok
    assert [name for name, ids in verdict.lost.items() if ids] == [kind]
    assert verdict.lost_count == 1


@pytest.mark.parametrize(
    ("kinds", "kept"),
    [
        (["reads", "sightings"], replace(KEPT, reads=[*KEPT.reads, KEPT.reads[0]])),
        (["sightings"], replace(KEPT, reads=[*KEPT.reads, ("read-11", sighting(0))])),
        (["captures"], replace(KEPT, captures=["capture-1", "capture-1"])),
        (
            ["reads of captures"],
            replace(KEPT, reads_of_captures=[*KEPT.reads_of_captures, ("capture-1", "7ABC123")]),
        ),
        (
            ["passes of reads"],
            replace(KEPT, reads_of_passes=[*KEPT.reads_of_passes, "read-21"]),
        ),
        (
            ["hits"],
            replace(
                KEPT,
                hits=[*KEPT.hits, ("hit-5", "read-3", "entry-3")],
                hits_logged=[*KEPT.hits_logged, "hit-5"],
            ),
        ),
        (["hits in the log"], replace(KEPT, hits_logged=[*KEPT.hits_logged, "hit-3"])),
        (
            ["accesses in the log"],
            replace(KEPT, accesses_logged=[*KEPT.accesses_logged, "access-1"]),
        ),
    ],
)
def test_a_planted_double_is_found(kinds, kept):
    verdict = judge(SENT, kept)
    assert not verdict.ok
    assert [name for name, ids in verdict.doubled.items() if ids] == kinds
    assert verdict.lost_count == 0


def test_one_read_may_match_two_entries():
    two = replace(
        KEPT,
        hits=[*KEPT.hits, ("hit-5", "read-3", "entry-9")],
        hits_logged=["hit-3", "hit-4", "hit-5"],
    )
    assert judge(SENT, two).ok


def test_an_answered_access_without_an_entry_is_found():
    verdict = judge(SENT, replace(KEPT, accesses_logged=["access-2"]))
    assert (verdict.ok, verdict.unrecorded) == (False, ["access-1"])


def test_a_log_that_does_not_verify_fails_the_run():
    assert not judge(SENT, replace(KEPT, log_ok=False)).ok


def test_a_dead_letter_needs_a_flipped_bit_to_explain_it():
    dead = [DeadLetter("alpr.read.recorded", "Malformed")]
    assert not judge(SENT, KEPT, dead).ok
    assert judge(SENT, KEPT, dead, corrupted=True).ok
