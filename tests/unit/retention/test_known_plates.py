"""A memory of plates holds those of one mark, and forgets the ones not used for long."""

from datetime import UTC, datetime, timedelta

from services.retention.store.known_plates import KnownPlates, Mark

START = datetime(2026, 6, 1, tzinfo=UTC)
FIRST, SECOND = Mark(START, 1), Mark(START, 2)


def test_plates_are_known_after_they_are_remembered():
    known = KnownPlates()
    assert known.unknown({1, 2}) == {1, 2}
    known.remember([1], before=None, now=FIRST)
    assert known.unknown({1, 2}) == {2}


def test_another_mark_forgets_all_plates_of_the_last_one():
    known = KnownPlates()
    known.remember([1], before=None, now=FIRST)
    known.remember([2], before=FIRST, now=SECOND)
    assert known.unknown({1, 2}) == {1}
    known.remember([3], before=SECOND, now=Mark(START + timedelta(hours=1), 2))
    assert known.unknown({1, 2, 3}) == {1, 2}


def test_a_transaction_with_an_earlier_mark_adds_no_plates_after_a_later_one():
    known = KnownPlates()
    known.remember([1], before=None, now=FIRST)
    known.remember([2], before=FIRST, now=SECOND)
    known.remember([3], before=FIRST, now=FIRST)
    assert (known.mark, known.unknown({1, 2, 3})) == (SECOND, {1, 3})


def test_plates_that_were_not_used_for_long_are_forgotten():
    known = KnownPlates(most=4)
    for number in range(9):
        known.remember([number], before=known.mark, now=FIRST)
    assert len(known.unknown(set(range(9)))) >= 5
    assert known.unknown({8}) == set()
