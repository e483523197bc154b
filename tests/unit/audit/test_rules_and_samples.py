"""The causes of findings, the size and choice of samples, and the results of a recount."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from math import comb
from random import Random

import pytest

from services.audit.actions.preparation import entry_from
from services.audit.domain.named_plates import known_of, of_one_plate
from services.audit.domain.periods import due_period
from services.audit.domain.proofs import GENESIS, chained
from services.audit.domain.recount import Recount
from services.audit.domain.rules import Act, Searches, Timeline
from services.audit.domain.sampling import draw, sample_size, seed_of
from services.audit.domain.succession import KeyChange, Succession
from shared.core.merkle import Frontier, leaf_hash, root_of
from shared.core.signed_notes import BadNote, Checkpoint, Signer
from shared.events import Actor, SigningKeyChanged

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
MONTH = timedelta(days=30)
JANUARY, APRIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


def timeline(acts):
    made = Timeline()
    for act in acts:
        made.add(act)
    return made


@pytest.mark.parametrize(
    ("minutes", "when"),
    [
        ((), None),
        ((0, 1, 2), None),
        ((0, 1, 2, 3), 3),
        ((0, 5, 10, 15), 15),
        ((0, 5, 10, 15.1), None),
        ((40, 0, 41, 1, 42, 43), 43),
        ((0, 0, 0, 0), 0),
    ],
)
def test_four_acts_within_a_quarter_of_an_hour_are_detected(minutes, when):
    expected = None if when is None else NOON + timedelta(minutes=when)
    acts = timeline(Act(NOON + timedelta(minutes=m)) for m in minutes)
    assert acts.crowded(range(len(acts)), QUARTER, 4) == expected


@pytest.mark.clause("468.3.1(c)/monitoring")
@pytest.mark.parametrize(("at", "count"), [(60, 3), (100, 2), (200, 0)])
def test_acts_are_counted_up_to_a_time_and_no_further_back_than_the_limit_says(at, count):
    acts = timeline(Act(NOON + timedelta(minutes=m)) for m in (0, 50, 60, 101))
    hour = timedelta(hours=1)
    places = acts.near(NOON + timedelta(minutes=60), hour)
    assert len(places) == 4
    assert acts.up_to(NOON + timedelta(minutes=at), hour, places) == count
    assert acts.drop_before(NOON + timedelta(minutes=50)) == 1, "the act at 50 minutes stays"


@pytest.mark.parametrize(
    ("pairs", "day"),
    [
        ([(0, "a"), (1, "b")], None),
        ([(0, "a"), (1, "b"), (2, "c")], 2),
        ([(0, "a"), (1, "b"), (2, None), (3, None)], 3),
        ([(0, "a"), (1, "a"), (2, "a")], None),
        ([(0, "a"), (1, "a"), (2, "a"), (3, "a")], 3),
        ([(0, "a"), (20, "b"), (40, "c")], None),
        ([(0, "a"), (20, "b"), (29, "a"), (40, "c")], 40),
    ],
)
def test_a_plate_searched_too_often_or_for_too_many_cases_is_detected(pairs, day):
    acts = timeline(Act(NOON + timedelta(days=day), case) for day, case in pairs)
    found = acts.repeated(range(len(acts)), MONTH, acts_limit=4, cases_limit=3)
    assert found == (None if day is None else NOON + timedelta(days=day))


def reached(searches, within, acts_limit, cases_limit):
    """The first time at which so many searches, or searches for so many cases, lay within a time, plainly."""
    times = sorted(act.at for act, _ in searches)
    crowded = [b for a, b in zip(times, times[acts_limit - 1 :], strict=False) if b - a <= within]
    cases = [
        at
        for at in times
        if len({a.case_number for a, _ in searches if a.case_number and at - within <= a.at <= at})
        >= cases_limit
    ]
    return min(crowded[:1] + cases[:1], default=None)


@pytest.mark.clause("468.3.1(c)/increments")
@pytest.mark.parametrize("seed", range(20))
def test_searches_processed_one_by_one_give_the_same_findings_as_all_together(seed):
    chosen = Random(seed)
    texts = ["7ABC123", "7ABC12?", "7AB*123", "??BC123", "8XYZ999", "8XYZ9??", "4JK*", "4JKL456"]
    searches, before, week = Searches(), [], timedelta(days=7)
    at, raised = NOON, 0
    for _ in range(80):
        at += timedelta(hours=chosen.randrange(20))
        act = Act(at - timedelta(hours=chosen.choice((0, 0, 0, 5, 200))), chosen.choice("abc"))
        plates = chosen.sample(texts, chosen.choice((1, 1, 2)))
        searches.add(act, plates)
        before.append((act, plates))
        limits = {"acts_limit": 4, "cases_limit": 3}
        found = {
            one.plate: (one.at, len(one.places), one.searches.cases(one.places))
            for one in searches.repeated(act.at, plates, week, **limits)
        }
        near = [(a, named) for a, named in before if abs(a.at - act.at) <= week]
        asked = {text for _, named in near for text in named}
        expected = {}
        for plate in plates:
            alike = [text for text in asked if of_one_plate(plate, text)]
            plate = min(alike, key=lambda text: (-known_of(text), text))
            of_it = [(a, n) for a, n in near if any(of_one_plate(plate, text) for text in n)]
            if (when := reached(of_it, week, **limits)) is not None:
                cases = sorted({a.case_number for a, _ in of_it})
                expected[plate] = when, len(of_it), cases
        assert found == expected
        raised += len(found)
        searches.drop_before(at - week, at - timedelta(hours=200) - week)
    assert raised


@pytest.mark.clause("468.3.1(c)/one-plate")
@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("7ABC*", "7ABC123", True),
        ("7AB*", "7ABC123", False),
        ("7AB*", "7AB*", True),
        ("7ABC*", "*C123", True),
        ("7ABC*", "*123", False),
    ],
)
def test_patterns_are_of_one_plate_from_four_known_characters_on(one, other, alike):
    assert of_one_plate(one, other) is of_one_plate(other, one) is alike


def chance_to_miss(population, misused, sample):
    return comb(population - misused, sample) / comb(population, sample)


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.parametrize("population", [1, 5, 99, 100, 101, 300, 1000, 20_000])
def test_a_sample_is_the_smallest_that_finds_one_per_cent_with_95_per_cent_certainty(population):
    size = sample_size(population)
    misused = max(1, -(-population // 100))
    assert chance_to_miss(population, misused, size) <= 0.05 or size == population
    assert chance_to_miss(population, misused, size - 1) > 0.05


@pytest.mark.clause("468.6(c)/audits")
def test_a_sample_of_very_many_is_299_and_of_no_requests_is_empty():
    assert sample_size(10_000_000) == 299
    assert sample_size(0) == 0


@pytest.mark.clause("468.6(c)/audits")
def test_a_draw_is_reproducible_and_depends_on_the_seed():
    seed = seed_of("a checkpoint", JANUARY, APRIL)
    assert draw(seed, 1000, 5) == draw(seed, 1000, 299)[:5]
    assert draw(bytes(32), 1000, 5) == [915, 399, 103, 439, 345]  # worked out with openssl and bc
    other = seed_of("another", JANUARY, APRIL)
    assert draw(seed, 1000, 5) != draw(other, 1000, 5)


@pytest.mark.clause("468.6(c)/audit-periods")
@pytest.mark.parametrize("months", [1, 2, 3, 4, 6, 12])
def test_periods_follow_one_another_without_gap_or_overlap(months):
    began = datetime(2026, 5, 17, 23, 30, tzinfo=timezone(timedelta(hours=-7)))
    last, now = None, datetime(2030, 1, 1, tzinfo=UTC)
    found = []
    while (due := due_period(began, last, months, now)) is not None:
        found.append(due)
        last = due[1]
    assert found[0][0] <= began < found[0][1]
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert found[-1][1] == now
    assert all(at.day == 1 and (at.month - 1) % months == 0 for at, _ in found)


@pytest.mark.clause("468.6(c)/audit-periods")
def test_a_changed_period_plan_continues_where_the_last_period_ended():
    assert due_period(JANUARY, datetime(2026, 2, 1, tzinfo=UTC), 3, APRIL) == (
        datetime(2026, 2, 1, tzinfo=UTC),
        APRIL,
    )
    assert due_period(JANUARY, None, 3, APRIL - timedelta(microseconds=1)) is None


def test_a_draw_has_no_duplicates_and_can_contain_all_numbers():
    assert sorted(draw(b"seed", 64, 64)) == list(range(64))
    assert draw(b"seed", 0, 0) == []
    with pytest.raises(ValueError, match="not larger"):
        draw(b"seed", 3, 4)


def test_a_draw_is_uniform():
    counts = [0] * 10
    for number in range(2000):
        for place in draw(number.to_bytes(4, "big"), 10, 3):
            counts[place] += 1
    assert all(500 < count < 700 for count in counts)


# --- recount ------------------------------------------------------------------------------------

SIGNER = Signer("example.org/log", bytes(32))


def a_log(size):
    entries, last = [], GENESIS
    for number in range(size):
        content = b"entry %d" % number
        last = chained(last, leaf_hash(content))
        entries.append((number, content, last))
    return entries


def a_note(entries, signer=SIGNER, origin="example.org/log"):
    root = root_of(leaf_hash(content) for _, content, _ in entries)
    return signer.sign(Checkpoint(origin, len(entries), root).text)


def recounted(entries, *notes, verifier=SIGNER.verifier):
    """Recount a log with its own checkpoints, each after the last entry that it covers."""
    recount = Recount("example.org/log", [verifier])
    sizes = {Checkpoint.parse(note).size: note for note in notes}
    for entry in entries:
        recount.add_entry(*entry)
        if (note := sizes.pop(entry[0] + 1, None)) is not None:
            recount.sign(note)
    for note in sizes.values():
        recount.beyond(note)
    return recount.verdict()


def test_an_intact_log_verifies():
    log = a_log(9)
    verdict = recounted(log, a_note(log[:4]), a_note(log))
    assert verdict.ok
    assert (verdict.entries, verdict.checkpoints, verdict.first_bad) == (9, 2, None)
    assert verdict.unsigned_entries == 0


@pytest.mark.clause("468.6/unalterable")
def test_entries_after_the_last_signature_are_counted_as_unsigned():
    log = a_log(9)
    assert recounted(log, a_note(log[:4])).unsigned_entries == 5
    assert recounted(log).unsigned_entries == 9


def test_an_external_checkpoint_is_compared_at_its_size_and_counts_as_a_signature():
    log = a_log(9)
    recount = Recount("example.org/log", [SIGNER.verifier])
    recount.expect_checkpoints([a_note(log[:4]), a_note(log[:7]), a_note([])])
    for entry in log:
        recount.add_entry(*entry)
        if entry[0] == 3:
            recount.sign(a_note(log[:4]))
    verdict = recount.verdict()
    assert (verdict.checkpoints, verdict.unsigned_entries) == (4, 2)
    assert [fault.size for fault in verdict.faults] == [7]
    assert "lacks the checkpoint of size 7" in verdict.faults[0].what


def test_a_removed_checkpoint_is_detected_by_the_next_one():
    log = a_log(9)
    notes, previous = [], 0
    for size in (3, 6, 9):
        root = root_of(leaf_hash(content) for _, content, _ in log[:size])
        checkpoint = Checkpoint("example.org/log", size, root, log[size - 1][2], previous)
        notes.append(SIGNER.sign(checkpoint.text))
        previous = size
    assert recounted(log, *notes).ok
    for missing, size in ((0, 3), (1, 6)):
        verdict = recounted(log, *notes[:missing], *notes[missing + 1 :])
        assert [fault.size for fault in verdict.faults] == [size]


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize(("previous", "missing"), [(0, []), (4, []), (6, [6])])
def test_the_first_checkpoint_of_a_part_follows_one_before_the_part(previous, missing):
    log, frontier = a_log(9), Frontier()
    for _, content, _ in log[:4]:
        frontier.append(leaf_hash(content))
    recount = Recount("example.org/log", [SIGNER.verifier], frontier=frontier, last=log[3][2])
    for entry in log[4:]:
        recount.add_entry(*entry)
    root = root_of(leaf_hash(content) for _, content, _ in log)
    recount.sign(SIGNER.sign(Checkpoint("example.org/log", 9, root, log[8][2], previous).text))
    assert [fault.size for fault in recount.verdict().faults] == missing


def test_a_checkpoint_out_of_its_place_or_given_twice_is_named():
    log = a_log(9)
    recount = Recount("example.org/log", [SIGNER.verifier])
    for entry in log[:5]:
        recount.add_entry(*entry)
    recount.sign(a_note(log[:5]))
    recount.sign(a_note(log[:5]))
    recount.sign(a_note(log[:3]))
    recount.sign(a_note(log))
    faults = recount.verdict().faults
    assert [fault.size for fault in faults] == [5, 3, 9]
    assert "second checkpoint" in faults[0].what


@pytest.mark.clause("468.6/unalterable")
def test_another_chain_than_the_signed_one_is_a_fault():
    log = a_log(4)
    root = root_of(leaf_hash(content) for _, content, _ in log)
    verdict = recounted(log, SIGNER.sign(Checkpoint("example.org/log", 4, root, bytes(32)).text))
    assert "another chain" in verdict.faults[0].what


def test_a_rewritten_log_is_detected_between_two_checkpoints():
    log = a_log(9)
    notes = [a_note(log[:n]) for n in (3, 6, 9)]
    rewritten, last = log[:4], log[3][2]
    for number in range(4, 9):
        last = chained(last, leaf_hash(b"forged"))
        rewritten.append((number, b"forged", last))
    verdict = recounted(rewritten, *notes)
    assert "entries 3 to 5" in verdict.faults[0].what
    assert verdict.first_bad == 3


@pytest.mark.clause("468.6/unalterable")
def test_notes_of_other_keys_and_other_logs_are_faults():
    log = a_log(2)
    other = Signer("example.org/log", bytes([1]) * 32)
    assert "not signed by any of the keys" in recounted(log, a_note(log, other)).faults[0].what
    assert "another log" in recounted(log, a_note(log, origin="elsewhere")).faults[0].what


def test_a_checkpoint_ahead_of_the_log_is_a_fault_where_the_log_ends():
    log = a_log(5)
    verdict = recounted(log[:3], a_note(log))
    assert verdict.first_bad == 3


@pytest.mark.clause("468.6/unalterable")
def test_a_missing_entry_is_one_fault_besides_the_root():
    log = a_log(6)
    verdict = recounted(log[:2] + log[3:], a_note(log))
    assert verdict.first_bad == 2
    assert sum("missing" in fault.what for fault in verdict.faults) == 1


def test_a_recount_continues_from_a_frontier():
    log = a_log(7)
    frontier = Frontier()
    for _, content, _ in log[:5]:
        frontier.append(leaf_hash(content))
    recount = Recount("example.org/log", [SIGNER.verifier], frontier=frontier, last=log[4][2])
    recount.expect_checkpoints([a_note(log), a_note(log[:5])])
    for entry in log[5:]:
        recount.add_entry(*entry)
    recount.sign(a_note(log))
    assert recount.verdict().ok


FIRST, SECOND, THIRD = (Signer("example.org/log", bytes([byte]) * 32) for byte in (1, 2, 3))


@pytest.mark.clause("468.6/unalterable")
def test_a_log_changes_to_the_given_keys_in_their_order():
    keys = Succession([FIRST.verifier, SECOND.verifier, THIRD.verifier])
    with pytest.raises(BadNote, match="but the given key is"):
        keys.add_change(KeyChange(4, FIRST.verifier, THIRD.verifier))
    keys.add_change(KeyChange(4, FIRST.verifier, SECOND.verifier))
    keys.settle(5)
    assert keys.current == SECOND.verifier


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize(
    "content",
    [
        b'no JSON "alpr.signing_key.changed.v1"',
        b'["alpr.signing_key.changed.v1"]',
        b'{"type":"alpr.signing_key.changed.v1","data":' + b"[" * 9000 + b"]" * 9000 + b"}",
    ],
)
def test_a_text_that_may_change_the_key_and_is_no_entry_is_a_fault_with_its_place(content):
    recount = Recount("example.org/log", [SIGNER.verifier])
    recount.add_entry(0, content, chained(GENESIS, leaf_hash(content)))
    verdict = recount.verdict()
    assert "entry 0: it names a change of the key" in verdict.faults[0].what
    assert verdict.first_bad == 0


@pytest.mark.clause("468.6/unalterable")
def test_a_key_that_has_ended_changes_to_no_other():
    keys = Succession([FIRST.verifier])
    keys.add_change(KeyChange(4, FIRST.verifier, SECOND.verifier))
    keys.settle(5)
    with pytest.raises(BadNote, match="which is not the log's here"):
        keys.add_change(KeyChange(8, FIRST.verifier, THIRD.verifier))


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize(("origin", "proven"), [("example.org/log", True), ("another/log", False)])
def test_a_checkpoint_of_another_log_proves_no_change_of_the_key(origin, proven):
    changed = SigningKeyChanged(
        occurred_at=NOON,
        actor=Actor(person_id="adm-1", name="A. Dmin", title="Contractor", agency_ori="CA0520100"),
        signs="checkpoints",
        old_key=FIRST.verifier.vkey,
        new_key=SECOND.verifier.vkey,
        reason="yearly",
    )
    entry = entry_from(changed, "audit").content
    keys = Succession([FIRST.verifier])
    note = FIRST.sign(Checkpoint(origin, 1, leaf_hash(entry)).text)
    refused = pytest.raises(BadNote, match="not proven by a checkpoint of the old key")
    with nullcontext() if proven else refused:
        keys.prove(0, entry, [], note)
    assert (keys.current == SECOND.verifier) is proven
