"""What a hit's state says: whether people have answered it and finished it in time, and whether it is an alert still;
and the sums of groups of hits."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.hotlist.domain.hits import Acknowledgement, Hit, HitGroup, Yield
from shared.events import Actor

AT = datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
PERSON = Actor(person_id="p1", name="A. Officer", title="officer", agency_ori="CA0000000")
ACKNOWLEDGED = [Acknowledgement(at=AT, by=PERSON)]
ID = UUID(int=1)

HIT = Hit(
    hit_id=ID, seq=1, changed_seq=None, standing="", status="unverified", outcome=None, result=None,
    acknowledgements=[], tier="high", record_kind="stolen_vehicle", agency_ori="CA0000000", list_id=ID,
    list_name="SVS", list_version=1, list_age_s=60, list_stale=False, source="state", entry_id=ID,
    entry=None, plate_listed="1AAA111", region_listed=None, plate_read="1AAA111",
    plate_as_read="1AAA111", region_read=None, confidence=0.9, differences=[], warnings=[], read_id=ID,
    capture_id=ID, device_id=ID, device_name="Camera 1", place=None, captured_at=AT, received_at=AT,
    raised_at=AT, late=False, first_at=AT, last_at=AT, sightings=1, box=None, crop_key=None,
    image_key=None, purged_at=None, outvoted_by=None, is_corrected=False, plate_seen=None,
    region_seen=None, is_listed=True, caution_in_force=None, doubt=None, doubted_at=None,
)  # fmt: skip

STANDINGS = ("", "unanswered", "unfinished", "corrected unanswered", "unanswered unfinished ended")
STATES = [*product(STANDINGS, ([], ACKNOWLEDGED), ("unverified", "verified"), (None, "no_contact"))]


@pytest.mark.parametrize(
    ("standing", "people", "status", "result"),
    STATES,
)
def test_a_hit_is_unanswered_until_a_person_acknowledges_verifies_or_disposes_of_it(
    standing, people, status, result
):
    hit = replace(HIT, standing=standing, acknowledgements=people, status=status, result=result)
    untouched = not people and status == "unverified" and result is None
    assert hit.is_unanswered is ("unanswered" in standing and untouched)


@pytest.mark.parametrize(
    ("standing", "people", "status", "result"),
    STATES,
)
def test_an_acknowledged_hit_is_unfinished_until_a_person_verifies_or_disposes_of_it(
    standing, people, status, result
):
    hit = replace(HIT, standing=standing, acknowledgements=people, status=status, result=result)
    waits = people == ACKNOWLEDGED and status == "unverified" and result is None
    assert hit.is_unfinished is ("unfinished" in standing and waits)


def test_a_standing_is_of_whole_words():
    assert not replace(HIT, standing="unanswered_before").is_unanswered
    taken = replace(HIT, standing="unfinished_before", acknowledgements=ACKNOWLEDGED)
    assert not taken.is_unfinished


@pytest.mark.parametrize(
    ("late", "captured_at", "is_live"),
    [
        (False, AT, True),
        (False, AT - timedelta(microseconds=1), False),
        (False, AT + timedelta(hours=1), True),
        (True, AT, False),
        (False, None, False),
        (True, None, False),
    ],
)
def test_an_alert_is_in_time_and_captured_since_the_moment_given(late, captured_at, is_live):
    assert replace(HIT, late=late, captured_at=captured_at).is_live(AT) is is_live


def test_the_day_of_a_capture_is_that_of_utc():
    west = timezone(timedelta(hours=-8))
    assert replace(HIT, captured_at=AT.astimezone(west)).captured_on == date(2026, 12, 1)
    late = datetime(2026, 12, 1, 17, 0, tzinfo=west)
    assert replace(HIT, captured_at=late).captured_on == date(2026, 12, 2)
    assert replace(HIT, captured_at=None).captured_on is None


def group(**values):
    usual = {
        "tier": "high", "status": "unverified", "outcome": None, "result": None, "hits": 1,
        "enforcement": 0,
    }  # fmt: skip
    return HitGroup(**usual | values)


def test_groups_are_summed_by_tier_outcome_and_result():
    total = Yield.of(
        [
            group(hits=5),
            group(tier="low", hits=2, result="no_contact"),
            group(
                status="verified", outcome="correct_read", result="arrest", hits=3, enforcement=2
            ),
            group(status="verified", outcome="misread", hits=1),
            group(tier="low", status="verified", outcome="correct_read", hits=4, enforcement=1),
        ]
    )
    assert total == Yield(
        hits=15, unverified=7, enforcement=3, outcomes={"correct_read": 7, "misread": 1},
        results={"no_contact": 2, "arrest": 3}, by_tier={"high": 9, "low": 6},
    )  # fmt: skip
    assert total.verified == 8
    assert total.correct_share == pytest.approx(7 / 8)


def test_without_a_verification_no_share_of_hits_is_right():
    total = Yield.of([group(hits=5)])
    assert total.verified == 0
    assert total.correct_share is None


def test_verified_hits_of_which_none_was_right_have_a_share_of_nothing():
    assert Yield.of([group(status="verified", outcome="misread")]).correct_share == 0
