"""What pages of holds, their exports and reads show, whole: each value from its own field, each link to its record."""

import httpx

from tests.unit.console.services import (
    BOOKING,
    DECLARED,
    EXPORT,
    HIT,
    HOLD,
    OTHER_HIT,
    READ,
    a_booking,
    a_hold,
    a_read,
    an_export,
)
from tests.unit.console.whole import by, june, paths, read

CD, EF = "cd" * 32, "ef" * 32
SECOND = "0199c0de-0000-7000-8000-00000000b002"


def an_act(kind, hour, **changes):
    blank = dict.fromkeys(
        ("booking_id", "party_name", "party_organisation", "sha256", "matches", "order_reference")
    )
    return {
        "act_id": f"0199c0de-0000-7000-8000-0000000000{hour:02}", "export_id": EXPORT, "kind": kind, **blank,
        **dict.fromkeys(("note", "corrects", "corrected_by")), "acted_at": june(hour), "recorded_at": june(hour),
        "recorded_by": by(f"R{hour}"), **changes,
    }  # fmt: skip


async def test_the_page_of_an_export(sign_in, show):
    bookings = [
        a_booking(
            in_force=False, corrected_by=SECOND, booked_by=by("Booker"), booked_at=june(5), note="of the first copy"
        ),
        a_booking(
            booking_id=SECOND, corrects=BOOKING, booked_by=by("Corrector"), booked_at=june(6), evidence_number="E26-9",
            custodian_name="R. Room", custodian_title="Clerk", media_description="tape", media_serial="MID-9",
        ),
    ]  # fmt: skip
    court = {"party_name": "C. Clerk", "party_organisation": "Superior Court"}
    acts = [
        an_act("downloaded", 4),
        an_act("handed_over", 7, booking_id=BOOKING, **court, corrected_by=HIT, acted_at=june(6)),
        an_act("handed_over", 8, booking_id=SECOND, corrects=HIT, **court, note="by hand"),
        an_act("returned", 9, booking_id=SECOND, **court),
        an_act("checked", 10, booking_id=SECOND, sha256=EF, matches=False),
        an_act("checked", 11, booking_id=SECOND, sha256=CD, matches=True),
        an_act("destroyed", 12, booking_id=SECOND, order_reference="order 26-17"),
    ]
    export = an_export(
        requested_by=by("Requester"), requested_at=june(2), built_at=june(3), hits=7, captures=5, images=9, omitted=2,
        copies_booked=1,
    )  # fmt: skip
    show(f"/evidence-exports/{EXPORT}", export)
    show(f"/evidence-exports/{EXPORT}/bookings", {"items": bookings})
    show(f"/evidence-exports/{EXPORT}/custody-acts", {"items": acts})
    browser = await sign_in("account:self", "hold:read")
    await browser.open(f"/holds/exports/{EXPORT}")
    assert browser.content == read(f"""
        Evidence export for case 26-001234 ready Requested Requester, Requester's title, 2026-06-01
        02:00:00 UTC Made 2026-06-01 03:00:00 UTC , signed by retention-1 Contents reads: 3; hits of
        hot lists: 7; captures: 5; pictures: 9; 183,220 bytes; pictures left out: 2 , each named in
        omitted.csv SHA-256 {CD} Copies in evidence Evidence number E26-0417-3 corrected by a later
        booking Received by P. Room, Property Officer Medium DVD-R, write once, MID-0417-A Note of
        the first copy Booked by Booker, Booker's title, 2026-06-01 05:00:00 UTC , save the signed
        statement Evidence number E26-9 corrects an earlier booking Received by R. Room, Clerk
        Medium tape, MID-9 Booked by Corrector, Corrector's title, 2026-06-01 06:00:00 UTC , save
        the signed statement Custody When Act Copy Particulars Recorded by 2026-06-01 04:00:00 UTC
        downloaded the package here R4, R4's title 2026-06-01 06:00:00 UTC handed over corrected by
        a later act E26-0417-3, MID-0417-A to C. Clerk, Superior Court R7, R7's title, 2026-06-01
        07:00:00 UTC 2026-06-01 08:00:00 UTC handed over corrects an earlier act E26-9, MID-9 to C.
        Clerk, Superior Court by hand R8, R8's title 2026-06-01 09:00:00 UTC returned E26-9, MID-9
        from C. Clerk, Superior Court R9, R9's title 2026-06-01 10:00:00 UTC checked E26-9, MID-9
        DIFFERS from the package {EF} R10, R10's title 2026-06-01 11:00:00 UTC checked E26-9, MID-9
        equals the package R11, R11's title 2026-06-01 12:00:00 UTC destroyed E26-9, MID-9 by order
        26-17 R12, R12's title Each view of the held records and of this page is in the audit log
        with person, time and purpose, and is not repeated here; auditors search it by case
        26-001234. Back to the hold
    """)
    assert browser.leads == paths(f"""
        /holds/exports/{EXPORT}/bookings/{BOOKING}/statement
        /holds/exports/{EXPORT}/bookings/{SECOND}/statement
        /holds/{HOLD}
    """)
    export = an_export(
        state="withdrawn", requested_by=by("Requester"), withdrawn_by=by("Withdrawer"), withdrawn_at=june(5),
        withdrawal_reason="no longer needed", removed_at=june(6), fault="the store was away", hits=None,
    )  # fmt: skip
    show(f"/evidence-exports/{EXPORT}", export)
    show(f"/evidence-exports/{EXPORT}/bookings", {"items": []})
    show(f"/evidence-exports/{EXPORT}/custody-acts", {"items": []})
    await browser.open(f"/holds/exports/{EXPORT}")
    assert browser.content == read(f"""
        Evidence export for case 26-001234 withdrawn Requested Requester, Requester's title,
        2026-05-31 10:00:00 UTC Last error the store was away Made 2026-05-31 10:00:05 UTC , signed
        by retention-1 Contents reads: 3; captures: 3; pictures: 3; 183,220 bytes SHA-256 {CD}
        Withdrawn Withdrawer, Withdrawer's title, 2026-06-01 05:00:00 UTC : no longer needed Deleted
        here 2026-06-01 06:00:00 UTC Copies in evidence This export has no booked copy. Back to the
        hold
    """)
    assert browser.leads == [f"/holds/{HOLD}"]


async def test_the_page_of_a_hold(sign_in, show):
    exports = [an_export(requested_at=june(6), reads=4, images=8, copies_booked=3)]
    show("/evidence-exports", {"items": exports, "next": OTHER_HIT})
    hold = a_hold(
        placed_by=by("Placer"), placed_at=june(1), owner=by("Owner"), review_by=june(8), reviewed_by=by("Reviewer"),
        reviewed_at=june(4), review_reason="has the case now", wide=True, confirmed_by=by("Confirmer"),
        confirmed_at=june(2), confirmation_reason="the order names it",
        criteria={
            "plate": "7ABC1?3", "lookalike": True, "device_ids": [HIT, READ], "captured_from": june(1),
            "captured_to": june(3),
            "area": {"type": "polygon", "points": [[-122.2, 39.9], [-122.1, 39.9], [-122.1, 40.0]]},
        },
    )  # fmt: skip
    show(f"/holds/{HOLD}", hold)
    browser = await sign_in("account:self", "hold:read")
    await browser.open(f"/holds/{HOLD}")
    assert browser.content == read(f"""
        Hold for case 26-001234 in force Reason criminal action: Homicide on Solano Street Preserves
        plate 7ABC1?3 , with look-alikes camera {HIT} camera {READ} within 39.9, -122.2; 39.9,
        -122.1; 40.0, -122.1 captured from 2026-06-01 01:00:00 UTC to 2026-06-01 03:00:00 UTC Placed
        Placer, Placer's title, 2026-06-01 01:00:00 UTC Confirmed Confirmer, Confirmer's title,
        2026-06-01 02:00:00 UTC : the order names it Owner Owner, Owner's title Review by 2026-06-01
        08:00:00 UTC past its review Last review Reviewer, Reviewer's title, 2026-06-01 04:00:00 UTC
        : has the case now End when it is released Exports as evidence Requested Case State Contents
        Copies booked 2026-06-01 06:00:00 UTC 26-001234 ready reads: 4, pictures: 8 3 There are
        older exports too. Back to the holds
    """)
    assert browser.leads == paths(f"""
        /holds/exports/{EXPORT}
        /holds
    """)
    released = {
        "in_force": False, "released_by": by("Releaser"), "released_at": june(10), "release_reason": "the case ended",
        "criteria": {"area": {"type": "box", "south": 39.8, "west": -122.3, "north": 40.1, "east": -122.0},
        "captured_from": june(1)},
    }  # fmt: skip
    show(f"/holds/{HOLD}", hold | released)
    await browser.open(f"/holds/{HOLD}")
    assert browser.content == read("""
        Hold for case 26-001234 released Reason criminal action: Homicide on Solano Street Preserved
        from 39.8, -122.3 to 40.1, -122.0 captured from 2026-06-01 01:00:00 UTC at any time since,
        until its release Placed Placer, Placer's title, 2026-06-01 01:00:00 UTC Confirmed
        Confirmer, Confirmer's title, 2026-06-01 02:00:00 UTC : the order names it Owner Owner,
        Owner's title Last review Reviewer, Reviewer's title, 2026-06-01 04:00:00 UTC : has the case
        now End 2026-06-01 10:00:00 UTC , by Releaser, Releaser's title: the case ended Exports as
        evidence Requested Case State Contents Copies booked 2026-06-01 06:00:00 UTC 26-001234 ready
        reads: 4, pictures: 8 3 There are older exports too. Back to the holds
    """)
    assert browser.leads == paths(f"""
        /holds/exports/{EXPORT}
        /holds
    """)


async def test_the_list_of_holds(sign_in, show, services):
    def listed(request):
        is_overdue = request.url.params.get("overdue") == "true"
        return httpx.Response(
            200, json={"items": [overdue if is_overdue else held, gone], "next": OTHER_HIT}
        )

    held = a_hold(
        placed_by=by("Placer"),
        placed_at=june(1),
        owner=by("Owner"),
        review_by=june(20, 30),
        wide=True,
        awaits_confirmation=True,
    )
    overdue = a_hold(
        case_number="26-9",
        placed_by=by("Elder"),
        placed_at=june(2),
        owner=by("Heir"),
        review_by=june(3),
    )
    gone = a_hold(
        in_force=False,
        released_at=june(9),
        placed_by=by("Placer"),
        owner=by("Owner"),
        case_number="26-5",
    )
    services.answers["GET /holds"] = listed
    unbooked = an_export(
        requested_at=june(6), case_number="26-7", reads=4, images=8, copies_booked=0
    )
    waiting = an_export(state="failed", requested_at=june(7), reads=None, images=None)
    show("/evidence-exports", {"items": [unbooked, waiting], "next": OTHER_HIT})
    until = {"purpose_id": READ, "purpose_token": "t", "expires_at": june(13)}
    show("/purposes", until, 201, method="POST")
    browser = await sign_in("account:self", "hold:read", "purpose:declare")
    await browser.open("/purpose")
    await browser.send(
        "/purpose",
        back="/holds",
        kind="criminal_investigation",
        offence_type="homicide",
        case_number="26-0117",
        justification="evidence of the homicide on Solano Street",
    )
    assert browser.content == read("""
        Holds Past their date of review These holds keep their records until a person releases them.
        Open each: extend it with a reason, or have another person than the one who placed it
        release it. Placed Reason Case End Owner Review 2026-06-01 02:00:00 UTC Elder criminal
        action: Homicide on Solano Street 26-9 in force Heir by 2026-06-01 03:00:00 UTC 2026-05-30
        10:00:00 UTC Placer criminal action: Homicide on Solano Street 26-5 released 2026-06-01
        09:00:00 UTC Owner There are older ones too. Show in force released all Show Placed Reason
        Case End Owner Review 2026-06-01 01:00:00 UTC Placer criminal action: Homicide on Solano
        Street 26-001234 in force awaits a second person Owner by 2026-06-30 20:00:00 UTC 2026-05-30
        10:00:00 UTC Placer criminal action: Homicide on Solano Street 26-5 released 2026-06-01
        09:00:00 UTC Owner Older holds Exports that await a booking Requested Case State Contents
        Copies booked 2026-06-01 06:00:00 UTC 26-7 ready reads: 4, pictures: 8 0 2026-06-01 07:00:00
        UTC 26-001234 failed 0 There are older exports too.
    """)
    assert browser.leads == paths(f"""
        /holds/{HOLD}
        /holds/{HOLD}
        /holds
        /holds/{HOLD}
        /holds/{HOLD}
        /holds?kept=in_force&after={OTHER_HIT}
        /holds/exports/{EXPORT}
        /holds/exports/{EXPORT}
    """)


async def test_the_reads_under_a_hold(sign_in, show):
    hit = {"hit_id": HIT, "record_kind": "stolen_vehicle", "tier": "high", "source": "state"}
    late = a_read(
        plate_as_read="7AB·C128", region="US-NV", captured_at=june(1), received_at=june(3), late=True, has_image=True,
        capture_id=OTHER_HIT, misread_risk=0.014, place={"latitude": 39.9, "longitude": -122.1},
        vehicle={"colour": "grey", "make": "Toyota", "model": "Camry", "direction": "receding", "lane": 2,
        "speed_kmh": 48.0},
        alternatives=[{"plate": "7ABC128", "probability": 0.6}, {"plate": "7A8C128", "probability": 0.399}],
        pass_agrees=False, hits=[hit | {"verification": "misread"}, hit | {"hit_id": OTHER_HIT, "verification": None}],
    )  # fmt: skip
    show(f"/holds/{HOLD}", a_hold())
    show(
        f"/holds/{HOLD}/records",
        {"items": [late, a_read(crop_url=None, pass_agrees=True)], "next": None},
    )
    until = {"purpose_id": READ, "purpose_token": "t", "expires_at": june(13)}
    show("/purposes", until, 201, method="POST")
    browser = await sign_in(
        "account:self", "purpose:declare", "hold:read", "hold:manage", "image:read", "hit:read"
    )
    await browser.open("/purpose")
    await browser.send(
        "/purpose", back=f"/holds/{HOLD}/records", **DECLARED | {"kind": "criminal_investigation"}
    )
    assert browser.content == read("""
        Records that the hold for case 26-001234 preserves Purpose: criminal investigation, vehicle
        theft, 26-001234; until 2026-06-01 13:00:00 UTC . Declare another Plate As the camera saw it
        Captured Camera Confidence Hits 7AB·C128 US-NV hold whole picture 2026-06-01 01:00:00 UTC
        late: arrived 2026-06-01 03:00:00 UTC , after more than the longest delay permitted for this
        camera Solano St east grey Toyota Camry, receding, lane 2, 48 km/h 39.9, -122.1 least
        certain character 97% risk of a misread 2% or 7A8C128 (39%) most frames of this vehicle read
        another plate stolen vehicle: misread , stolen vehicle: UNVERIFIED 7ABC128 hold no picture
        2026-06-01 11:00:00 UTC Solano St east least certain character 97% none Back to the hold
    """)
    assert browser.leads == paths(f"""
        /purpose?back=/holds/{HOLD}/records
        /holds/new/{READ}
        /reads/{READ}/picture
        /hits/{HIT}
        /hits/{OTHER_HIT}
        /holds/new/{READ}
        /holds/{HOLD}
    """)


async def test_the_reads_of_a_search_by_colour_and_make(sign_in, show):
    reads = [a_read(vehicle={"colour": "grey"}), a_read(vehicle={"make": "Toyota"}), a_read()]
    window = {"captured_from": "2026-05-01T00:00:00Z", "captured_to": "2026-05-02T00:00:00Z"}
    show("/reads/search", {"items": reads, "next": None, **window}, method="POST")
    browser = await sign_in("account:self", "purpose:declare", "record:search")
    await browser.open("/purpose")
    await browser.send("/purpose", back="/search", **DECLARED | {"kind": "criminal_investigation"})
    typed = {"captured_from": "2026-05-01T00:00", "captured_to": "2026-05-02T00:00"}
    await browser.send("/search", plate="7AB?1*", colour="grey", make="Toyota", **typed)
    assert browser.content.partition("Confidence Hits ")[2] == read("""
        7ABC128 your role does not let you see pictures 2026-06-01 11:00:00 UTC Solano St east grey
        make not reported least certain character 97% none 7ABC128 your role does not let you see
        pictures 2026-06-01 11:00:00 UTC Solano St east Toyota colour not reported least certain
        character 97% none 7ABC128 your role does not let you see pictures 2026-06-01 11:00:00 UTC
        Solano St east colour not reported make not reported least certain character 97% none
    """)


async def test_what_waits_of_holds_without_a_purpose(sign_in, show):
    waiting = {
        "in_force": 14, "oldest_placed_at": "2026-05-31T10:00:00Z", "overdue": 3,
        "overdue_since": "2026-05-30T10:00:00Z",
        "unbooked": 5, "oldest_requested_at": "2026-05-29T10:00:00Z",
    }  # fmt: skip
    show("/holds/waiting", waiting)
    browser = await sign_in("account:self", "purpose:declare", "hold:read")
    await browser.open("/holds")
    assert browser.content == read("""
        Holds Waiting Count Oldest Holds past their date of review 3 2 d 2 h old Holds in force 14 1
        d 2 h old Exports that await a booking 5 3 d 2 h old To see plates, cases and people,
        declare a purpose first.
    """)
    assert browser.leads == ["/purpose?back=%2Fholds&opens=hold%3Aread"]
