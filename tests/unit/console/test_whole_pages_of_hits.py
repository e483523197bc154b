"""What pages of hits show, whole: each value from its own field, each link to its own record."""

from tests.unit.console.services import HIT, OTHER_HIT, PERMISSIONS, READ, a_hit
from tests.unit.console.whole import OUTCOMES, at, by, paths, read

ENTRY = {
    "plate_listed_as": "7ABC128", "reason": "taken from a driveway", "entering_ori": "CA0520000",
    "entering_reference": "26-1", "make": "Toyota", "model": "Corolla", "colour": "blue", "year": 2019,
    "caution": "Armed and dangerous", "valid_from": at(1), "expires_at": at(30),
    "listed_by": by("Ada"),
}  # fmt: skip
RAISED = {
    "entry": ENTRY, "region_read": "US-NV", "captured_at": at(2), "received_at": at(3), "raised_at": at(4),
    "first_at": at(5), "last_at": at(6), "sightings": 3, "age_s": 60, "list_stale": True, "late": True,
    "confidence": 0.91,
}  # fmt: skip
STATED = {
    "result": "arrest", "disposition": "driver taken in", "enforcement": True,
    "unverified_reason": "it was leaving", "at": at(8), "by": by("Dora"),
}  # fmt: skip
HIT_WORKED = {
    **RAISED, "status": "verified", "outcome": "wrong_state", "notice": None, "result": "no_contact",
    "acknowledgements": [{"at": at(9), "by": by("Ann")}],
    "verification": {
        "method": "CLETS", "reference": "T26-1", "outcome": "wrong_state", "note": "a Nevada plate",
        "at": at(7), "by": by("Vera"),
    },
    "dispositions": [
        STATED,
        STATED | {"result": "no_contact", "disposition": "no contact", "enforcement": False,
                  "unverified_reason": None, "at": at(10), "by": by("Dan")},
    ],
    "twins": [
        {"hit_id": OTHER_HIT, "list_name": "Wanted", "record_kind": "wanted_person", "tier": "low",
         "status": "unverified", "outcome": None}
    ],
}  # fmt: skip


async def test_a_hit_that_people_worked_on(sign_in, show):
    browser = await sign_in(*PERMISSIONS, "hold:manage")
    show(f"/hits/{HIT}", a_hit(**HIT_WORKED))
    await browser.open(f"/hits/{HIT}")
    assert browser.content == read("""
        Hit Caution by the entering agency, CA0520000, for the vehicle as listed: Armed and
        dangerous Verified: wrong state high priority stolen vehicle Result: no contact late: the
        picture was old when the system raised this hit Ann, Ann's title, has it since 2026-05-09
        08:00:00 UTC Read 7ABC12 B Listed 7ABC12 8 of US-CA · read as US-NV Differs: character 7
        read as B, listed as 8 the state was not read Captured 2026-05-02 08:00:00 UTC (1 min 0 s
        before display) Camera Solano St east (39.9, -122.1) List Stolen vehicles (state), version 3
        List age 1 d 1 h out of date Listed vehicle 2019 blue Toyota Corolla Reason taken from a
        driveway Entering agency CA0520000, 26-1 Listed by Ada, Ada's title Reading least certain
        character 91%; sightings in this pass: 3 The same vehicle is on another list: hit of Wanted , wanted person, low
        priority, unverified . Verify each with its entering agency. The whole picture (recorded)
        Place a hold on this read Search for its earlier reads Verification Outcome wrong state Method CLETS, reference T26-1
        Note a Nevada plate By Vera, Vera's title, 2026-05-07 08:00:00 UTC Dispositions Result
        arrest In words driver taken in Enforcement action yes Reason for acting on an unverified
        hit it was leaving By Dora, Dora's title, 2026-05-08 08:00:00 UTC Result no contact In words
        no contact Enforcement action no By Dan, Dan's title, 2026-05-10 08:00:00 UTC What came of
        it Vehicle recovered Arrest Stopped and released: not the vehicle No contact made
        Surveillance only Passed to another agency Other, in words In your words Required with
        another result than those listed Did an officer take enforcement action? No Yes Reason for
        acting on a hit not verified as a correct read Required with an enforcement action (policy
        468.4(f)) Record the disposition Back to the alerts
    """)
    assert browser.leads == paths(f"""
        /hits/{OTHER_HIT}
        /hits/{HIT}/picture
        /holds/new/{READ}
        /search/back
        /hits/{HIT}/disposition
        /alerts
    """)


async def test_a_hit_whose_read_is_destroyed(sign_in, show):
    browser = await sign_in(*PERMISSIONS, "hold:manage")
    gone = dict.fromkeys(
        ("entry", "entry_id", "plate_listed", "region_listed", "plate_read", "plate_as_read", "region_read",
         "read_id", "capture_id", "device_id", "device_name", "place", "captured_at", "received_at", "age_s",
         "first_at", "last_at", "crop_url", "image_url")
    )  # fmt: skip
    show(f"/hits/{HIT}", a_hit(**gone, differences=[], warnings=[], purged_at=at(9)))
    await browser.open(f"/hits/{HIT}")
    assert browser.content == read("""
        Hit UNVERIFIED high priority stolen vehicle Unverified. A machine match alone. no picture
        Read no longer kept Listed no longer kept Camera no longer kept List Stolen vehicles
        (state), version 3 List age 1 d 1 h Reading least certain character 91%; sightings in this
        pass: 1 The retention schedule destroyed the data of this read at 2026-05-09 08:00:00 UTC .
        Verification No person verified this hit before its data were destroyed. Dispositions Back
        to the alerts
    """)
    assert browser.leads == ["/alerts"]


async def test_a_picture_that_was_destroyed_since_leads_back_to_its_hit(officer, show):
    gone = {"captured_at": None, "image_url": None, "plate_read": None, "purged_at": at(9)}
    show(f"/hits/{HIT}", a_hit(**gone))
    answer = await officer.open(f"/hits/{HIT}/picture")
    assert (answer.status_code, answer.headers.get("location")) == (303, f"/hits/{HIT}")


async def test_older_hits_with_their_counts(officer, show):
    show("/hits", {"items": [], "next": "MTc", "captured_since": at(31)})
    show("/hits/outcomes", OUTCOMES)
    await officer.open("/alerts/older?outcome=misread")
    assert officer.content == read("""
        Hits: Misread The last 30 days: 100 hits Not verified : 4 Correct read, and the entry is in
        force : 50 Wrong state : 7 Misread : 30 List out of date : 6 Dismissed : 3 Vehicle recovered
        : 8 Arrest : 9 Stopped and released: not the vehicle : 2 No contact made : 5 Surveillance
        only : 1 Passed to another agency : 10 Other, in words : 11 Hits of plates that
        you listed Hits with any result Hits
        captured before 2026-05-31 08:00:00 UTC need a purpose: declare one . There are no such
        hits. Older hits Back to the alerts
    """)
    assert officer.leads == paths("""
        /alerts/older?status=unverified
        /alerts/older?outcome=correct_read
        /alerts/older?outcome=wrong_state
        /alerts/older?outcome=list_out_of_date
        /alerts/older?outcome=dismissed
        /alerts/older?result=vehicle_recovered
        /alerts/older?result=arrest
        /alerts/older?result=stopped_released
        /alerts/older?result=no_contact
        /alerts/older?result=surveillance_only
        /alerts/older?result=passed_to_other_agency
        /alerts/older?result=other
        /alerts/own
        /alerts/older
        /purpose?back=/alerts/older
        /alerts/older?after=MTc&outcome=misread
        /alerts
    """)


async def test_the_hits_of_plates_that_a_person_listed(officer, show):
    show("/hits", {"items": [], "next": "MTc", "captured_since": at(31)})
    await officer.open("/alerts/own")
    assert officer.content == read("""
        Hits of plates that you listed Of entries that you made one by one, not of files. Only those
        not verified Hits captured before 2026-05-31 08:00:00 UTC need a purpose: declare one .
        There are no such hits. Older hits Back to the alerts
    """)
    assert officer.leads == paths("""
        /alerts/own?status=unverified
        /purpose?back=/alerts/own
        /alerts/own?after=MTc
        /alerts
    """)
    await officer.open("/alerts/own?status=unverified")
    assert officer.content == read("""
        Hits of plates that you listed: not verified Of entries that you made one by one, not of
        files. All of them Hits captured before 2026-05-31 08:00:00 UTC need a purpose: declare one
        . There are no such hits. Older hits Back to the alerts
    """)
    assert officer.leads == paths("""
        /alerts/own
        /purpose?back=/alerts/own
        /alerts/own?after=MTc&status=unverified
        /alerts
    """)


async def test_the_page_of_alerts(officer, services, show):
    waiting = {
        "count": 5, "oldest_at": "2026-06-01T08:00:00Z", "unanswered": 1,
        "unanswered_since": "2026-06-01T11:45:00Z", "listed_by_me": 2,
        "tiers": [
            {"tier": "high", "count": 2, "oldest_at": "2026-06-01T11:30:00Z"},
            {"tier": "low", "count": 3, "oldest_at": "2026-06-01T08:00:00Z"},
        ],
    }  # fmt: skip
    show("/hits/waiting", waiting)
    brief = {
        name: value for name, value in a_hit().items()
        if name not in ("twins", "verification", "dispositions", "sightings_seen")
    }  # fmt: skip
    show("/hits", {"items": [brief], "next": "MTc", "captured_since": at(31)})
    await officer.open("/alerts")
    assert officer.content == read("""
        Alerts New alerts need this page's script. Without it, load the page again . An alert is a
        machine's match and no reason for a stop. It stays unverified until it is checked through
        CLETS with the entering agency (policy 468.4(f)). “I have it” says that you go, to everyone
        who has this page open, and nothing about the match. Turn the sound on Turn notifications on
        Late hits have their own list. Older hits are found by what became of them. Unverified
        hits of plates that you listed: 2 Not verified: 2
        of high priority, the oldest 30 min 0 s old; 3 of low priority, the oldest 4 h 0 min old. No
        one has taken 1 urgent alert in time, the oldest 15 min 0 s old. Hits captured before
        2026-05-31 08:00:00 UTC need a purpose: declare one . UNVERIFIED high priority stolen
        vehicle I have it Unverified. A machine match alone. Read 7ABC12 B Listed 7ABC12 8 of US-CA
        · state not read Differs: character 7 read as B, listed as 8 the state was not read Captured
        2026-06-01 11:59:00 UTC (1 min 0 s before display) Camera Solano St east (39.9, -122.1) List
        Stolen vehicles (state), version 3 List age 1 d 1 h Listed vehicle 2019 blue Toyota Reason
        reported stolen Entering agency CA0520000, 26-1 Reading least certain character 91%;
        sightings in this pass: 1 Show the first More hits
    """)
    assert officer.leads == paths(f"""
        /alerts
        /alerts/late
        /alerts/older
        /alerts/own?status=unverified
        /purpose?back=/alerts
        /hits/{HIT}/acknowledgement
        /hits/{HIT}
        /alerts/older?after=MTc
    """)
