"""The plan of a run follows from its seed, and reaches every kind of fault and every part."""

import itertools
from collections import Counter

import pytest

from tests.chaos.plan import CAMERAS, LASTS_S, LINKS, OF_LINKS, PROCESSES, Fault, What, plan

HOUR_S = 3600.0


def test_the_same_seed_gives_the_same_faults():
    assert plan(7, HOUR_S) == plan(7, HOUR_S)
    assert plan(7, HOUR_S) != plan(8, HOUR_S)


def test_a_shorter_run_has_the_first_faults_of_a_longer_one():
    long, short = plan(7, HOUR_S), plan(7, 300)
    assert short == [fault for fault in long if fault in short]
    assert len(short) > 10


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_ends_before_the_load_does(seed):
    faults = plan(seed, 300)
    assert all(0 < fault.begins_s <= fault.ends_s <= 300 for fault in faults)
    assert [f.begins_s for f in faults] == sorted(f.begins_s for f in faults)
    for fault in faults:
        shortest_s, longest_s = LASTS_S[fault.what]
        assert shortest_s <= fault.lasts_s <= longest_s


@pytest.mark.parametrize("seed", range(20))
def test_an_hour_reaches_every_kind_and_every_part(seed):
    faults = plan(seed, HOUR_S)
    assert {fault.what for fault in faults} == set(What)
    for what in What:
        wanted = LINKS if what in OF_LINKS else PROCESSES
        assert {fault.part for fault in faults if fault.what is what} == set(wanted), what


def test_some_faults_overlap():
    faults = plan(3, HOUR_S)
    pairs = itertools.pairwise(faults)
    assert any(later.begins_s < earlier.ends_s for earlier, later in pairs)


def test_five_minutes_have_each_kind_at_least_once_more_than_the_rarest():
    counts = Counter(fault.what for fault in plan(1, HOUR_S))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_fault_is_printed_with_its_time_part_and_size():
    fault = Fault(What.DELAY, CAMERAS, 12.25, 6.5, 0.3)
    assert str(fault) == "  12.2 s  delayed link (0.3): cameras for 6.5 s"
