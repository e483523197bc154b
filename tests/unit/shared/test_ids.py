"""Ids of sightings: in the order of capture, keyed, and akin where they name one sighting."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.core.ids import (
    Deriver,
    akin,
    derive_id,
    derive_with_time_of,
    id_digest,
    keyed_id,
    new_id,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
IDS = Deriver(bytes(32), "read", "cam")


def moment_of(one):
    return datetime.fromtimestamp((one.int >> 80) / 1000, UTC)


def test_ids_with_a_time_sort_by_time_and_are_valid_uuids():
    moments = [NOON + n * MS for n in range(100)]
    shuffled = random.Random(1).sample(moments, len(moments))
    ids = sorted(IDS.derive_at(at, "7ABC123") for at in shuffled)
    assert [moment_of(one) for one in ids] == moments
    assert {(one.version, one.variant) for one in ids} == {(8, "specified in RFC 4122")}


def test_the_moment_is_exact_to_the_millisecond_in_any_zone():
    for micros in (0, 999, 1000, 999_999):
        at = NOON + timedelta(microseconds=micros)
        there = at.astimezone(datetime.fromisoformat("2026-01-01T00:00-07:00").tzinfo)
        assert IDS.derive_at(at, "x") == IDS.derive_at(there, "x")
        assert moment_of(IDS.derive_at(at, "x")) == NOON + micros // 1000 * MS


@pytest.mark.clause("wall/keyed-ids")
def test_the_other_bits_of_an_id_depend_on_the_secret_and_every_part():
    one = IDS.derive_at(NOON, "7ABC123")
    assert IDS.derive_at(NOON, "7ABC124") != one != IDS.derive("7ABC123")
    assert Deriver(b"two".ljust(32), "read", "cam").derive_at(NOON, "7ABC123") != one
    ids = [IDS.derive_at(NOON, str(n)).int for n in range(200)]
    seen = 0
    for number in ids:
        seen |= number ^ ids[0]
    assert seen.bit_count() == 74


@pytest.mark.clause("468.3.1(c)/contradicting-reads")
def test_ids_of_one_sighting_differ_in_their_last_32_bits_only():
    one, other = (IDS.derive_akin(NOON, "source 1", rest) for rest in ("7ABC123", "7ABC124"))
    assert one != other
    assert akin(one) == akin(other)
    assert one.int >> 32 == other.int >> 32
    for at, shared in ((NOON + MS, "source 1"), (NOON, "source 2")):
        assert akin(IDS.derive_akin(at, shared, "7ABC123")) != akin(one)


@pytest.mark.clause("wall/keyed-ids")
def test_keyed_ids_are_the_same_in_every_version_so_that_a_repeat_after_an_upgrade_is_known():
    for _ in range(2):  # each time
        assert IDS.derive("7ABC123") == UUID("32fb874d-0440-8c76-a77e-7183dda461f5")
        assert IDS.derive_at(NOON, "7ABC123") == UUID("019e830e-1a00-8c76-a77e-7183dda461f5")
        akin_to_others = IDS.derive_akin(NOON, "source 1", "7ABC123")
        assert akin_to_others == UUID("019e830e-1a00-8e42-b556-2300572a7888")
    assert Deriver(bytes(32), "readcam").derive("7ABC123") != IDS.derive("7ABC123")


def test_a_moment_before_1970_has_no_id():
    with pytest.raises(OverflowError):
        IDS.derive_at(datetime(1969, 12, 31, tzinfo=UTC), "x")


def test_the_id_of_a_captures_read_begins_with_the_captures_time():
    capture = IDS.derive_at(NOON, "frame")
    read = derive_with_time_of(capture, "read", capture, 0)
    assert moment_of(read) == NOON
    assert read.version == 8
    assert read != derive_with_time_of(capture, "read", capture, 1)
    assert read.int & ((1 << 80) - 1) == derive_id("read", capture, 0).int & ((1 << 80) - 1)


def test_a_digest_identifies_an_id_without_its_time():
    digests = {id_digest(IDS.derive_at(NOON, str(n))) for n in range(100)}
    assert len(digests) == 100
    assert len({digest.int >> 80 for digest in digests}) == 100


def test_a_new_id_begins_with_the_present_moment_and_is_random_otherwise():
    before = datetime.now(UTC)
    ids = [new_id() for _ in range(1000)]
    after = datetime.now(UTC)
    assert all(before - MS <= moment_of(one) <= after for one in ids)
    assert [moment_of(one) for one in ids] == sorted(map(moment_of, ids))
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}
    drawn = {one.int & ((1 << 62) - 1) for one in ids}
    assert len(drawn) == 1000
    assert {bit for one in drawn for bit in range(62) if one >> bit & 1} == set(range(62))


def test_the_same_key_of_another_person_or_for_another_thing_gives_another_id():
    """A browser's key is of its own choice, and two people may choose the same."""
    asked = [("hold", "p-1", "k"), ("hold", "p-2", "k"), ("purge run", "p-1", "k")]
    assert len({keyed_id(*one) for one in asked}) == 3
    assert keyed_id(*asked[0]) == keyed_id(*asked[0])
    assert keyed_id("hold", "p-1", None) != keyed_id("hold", "p-1", None)
