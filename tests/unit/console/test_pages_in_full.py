"""Pages of evidence, purges and releases whole, as a person who may only read them sees them."""

import html
import re

import httpx

from tests.unit.console.answers import REQUEST, a_decision, a_request, a_run, a_schedule
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

AB, CD, EF = "ab" * 32, "cd" * 32, "ef" * 32
SECOND = "0199c0de-0000-7000-8000-00000000b002"


def who(name):
    """Return a person whom no other step of a test has."""
    return {
        "person_id": f"p-{name}",
        "name": f"{name} Doe",
        "title": f"{name} of rank",
        "agency_ori": "CA0520100",
    }


def at(hour, day="01"):
    return f"2026-06-{day}T{hour:02}:00:00Z"


def content(browser):
    """Return the text of the page between its header and its end, and the addresses of its links."""
    main = re.search(r"<main[^>]*>(.*)</main>", browser.page.text, re.DOTALL)[1]
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())
    return text.replace(" ,", ",").replace(" :", ":"), [
        html.unescape(link) for link in re.findall(r'<a href="([^"]+)"', main)
    ]


def an_act(kind, hour, **changes):
    blank = dict.fromkeys(
        ("booking_id", "party_name", "party_organisation", "sha256", "matches", "order_reference")
    )
    return {
        "act_id": f"0199c0de-0000-7000-8000-0000000000{hour:02}", "export_id": EXPORT, "kind": kind, **blank,
        **dict.fromkeys(("note", "corrects", "corrected_by")), "acted_at": at(hour), "recorded_at": at(hour),
        "recorded_by": who(f"R{hour}"), **changes,
    }  # fmt: skip


async def test_the_page_of_an_export(sign_in, show):
    bookings = [
        a_booking(
            in_force=False, corrected_by=SECOND, booked_by=who("Booker"), booked_at=at(5), note="of the first copy"
        ),
        a_booking(
            booking_id=SECOND, corrects=BOOKING, booked_by=who("Corrector"), booked_at=at(6), evidence_number="E26-9",
            custodian_name="R. Room", custodian_title="Clerk", media_description="tape", media_serial="MID-9",
        ),
    ]  # fmt: skip
    court = {"party_name": "C. Clerk", "party_organisation": "Superior Court"}
    acts = [
        an_act("downloaded", 4),
        an_act("handed_over", 7, booking_id=BOOKING, **court, corrected_by=HIT, acted_at=at(6)),
        an_act("handed_over", 8, booking_id=SECOND, corrects=HIT, **court, note="by hand"),
        an_act("returned", 9, booking_id=SECOND, **court),
        an_act("checked", 10, booking_id=SECOND, sha256="ef" * 32, matches=False),
        an_act("checked", 11, booking_id=SECOND, sha256="cd" * 32, matches=True),
        an_act("destroyed", 12, booking_id=SECOND, order_reference="order 26-17"),
    ]
    export = an_export(
        requested_by=who("Requester"), requested_at=at(2), built_at=at(3), hits=7, captures=5, images=9, omitted=2,
        copies_booked=1,
    )  # fmt: skip
    show(f"/evidence-exports/{EXPORT}", export)
    show(f"/evidence-exports/{EXPORT}/bookings", {"items": bookings})
    show(f"/evidence-exports/{EXPORT}/custody-acts", {"items": acts})
    browser = await sign_in("account:self", "hold:read")
    await browser.open(f"/holds/exports/{EXPORT}")
    assert content(browser) == (
        "Evidence export for case 26-001234 ready Requested Requester Doe, Requester of rank,"
        " 2026-06-01 02:00:00 UTC Made 2026-06-01 03:00:00 UTC, signed by retention-1 Contents"
        " reads: 3; hits of hot lists: 7; captures: 5; pictures: 9; 183,220 bytes; pictures left"
        " out: 2, each named in omitted.csv SHA-256"
        f" {CD} Copies in evidence"
        " Evidence number E26-0417-3 corrected by a later booking Received by P. Room, Property"
        " Officer Medium DVD-R, write once, MID-0417-A Note of the first copy Booked by Booker"
        " Doe, Booker of rank, 2026-06-01 05:00:00 UTC, save the signed statement Evidence number"
        " E26-9 corrects an earlier booking Received by R. Room, Clerk Medium tape, MID-9 Booked"
        " by Corrector Doe, Corrector of rank, 2026-06-01 06:00:00 UTC, save the signed statement"
        " Custody When Act Copy Particulars Recorded by 2026-06-01 04:00:00 UTC downloaded the"
        " package here R4 Doe, R4 of rank 2026-06-01 06:00:00 UTC handed over corrected by a later"
        " act E26-0417-3, MID-0417-A to C. Clerk, Superior Court R7 Doe, R7 of rank, 2026-06-01"
        " 07:00:00 UTC 2026-06-01 08:00:00 UTC handed over corrects an earlier act E26-9, MID-9 to"
        " C. Clerk, Superior Court by hand R8 Doe, R8 of rank 2026-06-01 09:00:00 UTC returned"
        " E26-9, MID-9 from C. Clerk, Superior Court R9 Doe, R9 of rank 2026-06-01 10:00:00 UTC"
        " checked E26-9, MID-9 DIFFERS from the package"
        f" {EF} R10 Doe, R10 of rank"
        " 2026-06-01 11:00:00 UTC checked E26-9, MID-9 equals the package R11 Doe, R11 of rank"
        " 2026-06-01 12:00:00 UTC destroyed E26-9, MID-9 by order 26-17 R12 Doe, R12 of rank Each"
        " view of the held records and of this page is in the audit log with person, time and"
        " purpose, and is not repeated here; auditors search it by case 26-001234. Back to the"
        " hold",
        [
            f"/holds/exports/{EXPORT}/bookings/{BOOKING}/statement",
            f"/holds/exports/{EXPORT}/bookings/{SECOND}/statement",
            f"/holds/{HOLD}",
        ],
    )
    export = an_export(
        state="withdrawn", requested_by=who("Requester"), withdrawn_by=who("Withdrawer"), withdrawn_at=at(5),
        withdrawal_reason="no longer needed", removed_at=at(6), fault="the store was away", hits=None,
    )  # fmt: skip
    show(f"/evidence-exports/{EXPORT}", export)
    show(f"/evidence-exports/{EXPORT}/bookings", {"items": []})
    show(f"/evidence-exports/{EXPORT}/custody-acts", {"items": []})
    await browser.open(f"/holds/exports/{EXPORT}")
    assert content(browser) == (
        "Evidence export for case 26-001234 withdrawn Requested Requester Doe, Requester of rank,"
        " 2026-05-31 10:00:00 UTC Last error the store was away Made 2026-05-31 10:00:05 UTC,"
        " signed by retention-1 Contents reads: 3; captures: 3; pictures: 3; 183,220 bytes SHA-256"
        f" {CD} Withdrawn Withdrawer"
        " Doe, Withdrawer of rank, 2026-06-01 05:00:00 UTC: no longer needed Deleted here"
        " 2026-06-01 06:00:00 UTC Copies in evidence This export has no booked copy. Back to the"
        " hold",
        [
            f"/holds/{HOLD}",
        ],
    )


async def test_the_page_of_a_hold(sign_in, show, clock):
    exports = [an_export(requested_at=at(6), reads=4, images=8, copies_booked=3)]
    show("/evidence-exports", {"items": exports, "next": OTHER_HIT})
    hold = a_hold(
        placed_by=who("Placer"), placed_at=at(1), owner=who("Owner"), review_by=at(8), reviewed_by=who("Reviewer"),
        reviewed_at=at(4), review_reason="has the case now", wide=True, confirmed_by=who("Confirmer"),
        confirmed_at=at(2), confirmation_reason="the order names it",
        criteria={
            "plate": "7ABC1?3", "lookalike": True, "device_ids": [HIT, READ], "captured_from": at(1), "captured_to": at(3),
            "area": {"type": "polygon", "points": [[-122.2, 39.9], [-122.1, 39.9], [-122.1, 40.0]]},
        },
    )  # fmt: skip
    show(f"/holds/{HOLD}", hold)
    browser = await sign_in("account:self", "hold:read")
    await browser.open(f"/holds/{HOLD}")
    assert content(browser) == (
        "Hold for case 26-001234 in force Reason criminal action: Homicide on Solano Street"
        f" Preserves plate 7ABC1?3, with look-alikes camera {HIT}"
        f" camera {READ} within 39.9, -122.2; 39.9, -122.1; 40.0,"
        " -122.1 captured from 2026-06-01 01:00:00 UTC to 2026-06-01 03:00:00 UTC Placed Placer"
        " Doe, Placer of rank, 2026-06-01 01:00:00 UTC Confirmed Confirmer Doe, Confirmer of rank,"
        " 2026-06-01 02:00:00 UTC: the order names it Owner Owner Doe, Owner of rank Review by"
        " 2026-06-01 08:00:00 UTC past its review Last review Reviewer Doe, Reviewer of rank,"
        " 2026-06-01 04:00:00 UTC: has the case now End when it is released Exports as evidence"
        " Requested Case State Contents Copies booked 2026-06-01 06:00:00 UTC 26-001234 ready"
        " reads: 4, pictures: 8 3 There are older exports too. Back to the holds",
        [
            f"/holds/exports/{EXPORT}",
            "/holds",
        ],
    )
    released = {
        "in_force": False, "released_by": who("Releaser"), "released_at": at(10), "release_reason": "the case ended",
        "criteria": {"area": {"type": "box", "south": 39.8, "west": -122.3, "north": 40.1, "east": -122.0}, "captured_from": at(1)},
    }  # fmt: skip
    show(f"/holds/{HOLD}", hold | released)
    await browser.open(f"/holds/{HOLD}")
    assert content(browser) == (
        "Hold for case 26-001234 released Reason criminal action: Homicide on Solano Street"
        " Preserved from 39.8, -122.3 to 40.1, -122.0 captured from 2026-06-01 01:00:00 UTC at any"
        " time since, until its release Placed Placer Doe, Placer of rank, 2026-06-01"
        " 01:00:00 UTC Confirmed Confirmer Doe, Confirmer of rank, 2026-06-01 02:00:00 UTC: the"
        " order names it Owner Owner Doe, Owner of rank Last review Reviewer Doe, Reviewer of"
        " rank, 2026-06-01 04:00:00 UTC: has the case now End 2026-06-01 10:00:00 UTC, by Releaser"
        " Doe, Releaser of rank: the case ended Exports as evidence Requested Case State Contents"
        " Copies booked 2026-06-01 06:00:00 UTC 26-001234 ready reads: 4, pictures: 8 3 There are"
        " older exports too. Back to the holds",
        [
            f"/holds/exports/{EXPORT}",
            "/holds",
        ],
    )


async def test_the_list_of_holds(sign_in, show, services):
    def listed(request):
        is_overdue = request.url.params.get("overdue") == "true"
        return httpx.Response(
            200, json={"items": [overdue if is_overdue else held, gone], "next": OTHER_HIT}
        )

    held = a_hold(
        placed_by=who("Placer"),
        placed_at=at(1),
        owner=who("Owner"),
        review_by=at(20, "30"),
        wide=True,
        awaits_confirmation=True,
    )
    overdue = a_hold(
        case_number="26-9",
        placed_by=who("Elder"),
        placed_at=at(2),
        owner=who("Heir"),
        review_by=at(3),
    )
    gone = a_hold(
        in_force=False,
        released_at=at(9),
        placed_by=who("Placer"),
        owner=who("Owner"),
        case_number="26-5",
    )
    services.answers["GET /holds"] = listed
    unbooked = an_export(requested_at=at(6), case_number="26-7", reads=4, images=8, copies_booked=0)
    waiting = an_export(state="failed", requested_at=at(7), reads=None, images=None)
    show("/evidence-exports", {"items": [unbooked, waiting], "next": OTHER_HIT})
    until = {"purpose_id": READ, "purpose_token": "t", "expires_at": at(13)}
    services.answers["POST /purposes"] = lambda _: httpx.Response(201, json=until)
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
    assert content(browser) == (
        "Holds Past their date of review These holds keep their records until a person releases"
        " them. Open each: extend it with a reason, or have another person than the one who placed"
        " it release it. Placed Reason Case End Owner Review 2026-06-01 02:00:00 UTC Elder Doe"
        " criminal action: Homicide on Solano Street 26-9 in force Heir Doe by 2026-06-01 03:00:00"
        " UTC 2026-05-30 10:00:00 UTC Placer Doe criminal action: Homicide on Solano Street 26-5"
        " released 2026-06-01 09:00:00 UTC Owner Doe There are older ones too. Show in force"
        " released all Show Placed Reason Case End Owner Review 2026-06-01 01:00:00 UTC Placer Doe"
        " criminal action: Homicide on Solano Street 26-001234 in force awaits a second person"
        " Owner Doe by 2026-06-30 20:00:00 UTC 2026-05-30 10:00:00 UTC Placer Doe criminal action:"
        " Homicide on Solano Street 26-5 released 2026-06-01 09:00:00 UTC Owner Doe Older holds"
        " Exports that await a booking Requested Case State Contents Copies booked 2026-06-01"
        " 06:00:00 UTC 26-7 ready reads: 4, pictures: 8 0 2026-06-01 07:00:00 UTC 26-001234 failed"
        " 0 There are older exports too.",
        [
            f"/holds/{HOLD}",
            f"/holds/{HOLD}",
            f"/holds/{HOLD}",
            f"/holds/{HOLD}",
            f"/holds?kept=in_force&after={OTHER_HIT}",
            f"/holds/exports/{EXPORT}",
            f"/holds/exports/{EXPORT}",
        ],
    )


STEPS = {
    "proposed_by": who("Proposer"), "proposed_at": at(1), "decided_by": who("Decider"), "decided_at": at(2),
    "decision_note": "compared with the schedule", "executed_by": who("Executor"), "started_at": at(3),
    "executed_at": at(4), "certified_at": at(5), "reads": 1200, "captures": 3400, "objects": 5600, "kept_under_hold": 78,
    "months_dropped": ["2025-02", "2025-03"], "orphans": 91, "orphans_left": 23, "odd_objects": 45,
}  # fmt: skip


async def test_the_page_of_a_purge(sign_in, show):
    browser = await sign_in("account:self", "purge:read")
    show("/schedule", a_schedule())
    run = a_run(
        kind="daily",
        state="certified",
        day="2026-06-01",
        standing_id=OTHER_HIT,
        before="2025-04-01T06:00:00Z",
        **STEPS,
    )
    show(f"/purge-runs/{HIT}", run)
    await browser.open(f"/purges/{HIT}")
    assert content(browser) == (
        "Purge: daily run under the standing order certified Destroys records captured before"
        " 2025-04-01 06:00:00 UTC, except those that a hold keeps Reason Schedule adopted Proposed"
        " Proposer Doe, Proposer of rank, 2026-06-01 01:00:00 UTC Authorised Decider Doe, Decider"
        " of rank, 2026-06-01 02:00:00 UTC: compared with the schedule Under the standing order,"
        " for 2026-06-01 Begun Executor Doe, Executor of rank, 2026-06-01 03:00:00 UTC Done"
        " 2026-06-01 04:00:00 UTC Certified 2026-06-01 05:00:00 UTC, save the signed certificate"
        " Legal basis Kept at least 365 days (Government Code 34090.6) Destroyed after 400 days,"
        " unless held Schedule CPD-RS-2026-04, in force from 2026-01-01 Resolution of the"
        " legislative body Resolution 2026-011 Written consent of the agency attorney Consent"
        " 2026-01-20 Destroyed Reads 1,200 Captures 3,400 Pictures and other objects 5,600 Whole"
        " months 2025-02, 2025-03 Objects that no record names 91 destroyed, 23 kept because a"
        " hold may cover them or they are recent, 45 kept because their names do not tell camera"
        " and day Records kept by holds 78 Back to the purges",
        [
            f"/purges/{OTHER_HIT}",
            f"/purges/{HIT}/certificate",
            "/purges",
        ],
    )
    for state, said, decided in (
        ("refused", "refused", "Refused"),
        ("withdrawn", "withdrawn", "Authorised"),
        ("executed", "done, not yet certified", "Authorised"),
    ):
        show(f"/purge-runs/{HIT}", run | {"state": state})
        await browser.open(f"/purges/{HIT}")
        text, _ = content(browser)
        assert text.startswith(f"Purge: daily run under the standing order {said} Destroys")
        assert f"{decided} Decider Doe, Decider of rank, 2026-06-01 02:00:00 UTC: compared" in text
    ended = {
        "withdrawn_by": who("Withdrawer"),
        "withdrawn_at": at(4),
        "withdrawal_note": "a court case",
    }
    show(f"/purge-runs/{HIT}", run | {"state": "withdrawn", "executed_at": None, **ended})
    await browser.open(f"/purges/{HIT}")
    text, _ = content(browser)
    assert (
        "03:00:00 UTC Withdrawn Withdrawer Doe, Withdrawer of rank, 2026-06-01 04:00:00 UTC: a court case"
        in text
    )


async def test_the_list_of_purges(sign_in, show):
    browser = await sign_in("account:self", "purge:read")
    order = a_run(
        kind="standing",
        state="authorised",
        before=None,
        run_id=OTHER_HIT,
        **{n: STEPS[n] for n in ("proposed_by", "proposed_at", "decided_by", "decided_at")},
    )
    done = a_run(
        kind="daily",
        state="certified",
        standing_id=OTHER_HIT,
        before="2025-04-01T06:00:00Z",
        **STEPS,
    )
    show("/schedule", a_schedule(standing=order))
    show("/purge-runs", {"items": [done, order], "next": READ})
    await browser.open("/purges")
    assert content(browser) == (
        "Purges Schedule in force Kept at least 365 days (Government Code 34090.6) Destroyed"
        " after 400 days, unless held Schedule CPD-RS-2026-04, in force from 2026-01-01 Resolution"
        " of the legislative body Resolution 2026-011 Written consent of the agency attorney"
        " Consent 2026-01-20 Standing order in force since 2026-06-01 02:00:00 UTC: a purge runs"
        " each day What is due Records captured before 2025-04-27 12:00:00 UTC are past the"
        " schedule. A hold keeps its records all the same. No whole month is past the schedule."
        " Runs and standing orders Proposed, or begun by itself What Captured before State Reads"
        " Kept by holds Certificate 2026-06-01 03:00:00 UTC daily run under the standing order"
        " 2025-04-01 06:00:00 UTC certified 1,200 78 save it 2026-06-01 01:00:00 UTC Proposer Doe"
        " standing order what is due each day in force Older runs",
        [
            f"/purges/{OTHER_HIT}",
            f"/purges/{HIT}",
            f"/purges/{HIT}/certificate",
            f"/purges/{OTHER_HIT}",
            f"/purges?after={READ}",
        ],
    )


PACKAGE = {
    "sha256": "cd" * 32, "size_bytes": 183220, "reads": 3, "images": 5, "omitted": 2, "manifest_signed_by": "key-1",
    "packaged_at": at(7),
}  # fmt: skip


def a_full_request(**changes):
    """Return a request that says all it can, two people approved, and one fetched."""
    decisions = [
        a_decision(
            decided_by=who("First"),
            decided_at=at(4),
            originals=[HIT, READ],
            list_sources=["state", "federal"],
        ),
        a_decision(
            decided_by=who("Second"),
            decided_at=at(5),
            reason="the order names it",
            citation="Code 1",
        ),
    ]
    criteria = {
        "captured_from": at(1), "captured_to": at(2), "plate": None, "device_ids": [HIT, READ], "include_images": False,
    }  # fmt: skip
    receipts = [
        {"received_by": who(f"Taker{hour}"), "received_at": at(hour), "sha256": "cd" * 32}
        for hour in (8, 9)
    ]
    return a_request(
        status="packaged", filed_by=who("Filer"), filed_at=at(3), requester_name="Dana Ruiz", restricted=True,
        legal_authority={"reference": "order 26-mj-17", "document_id": OTHER_HIT, "sha256": "ab" * 32},
        decisions=decisions, criteria=criteria, package=PACKAGE, receipts=receipts, expires_at=at(12, "15"),
        review=None, **changes,
    )  # fmt: skip


async def test_the_page_of_a_request(sign_in, show):
    show(f"/requests/{REQUEST}", a_full_request())
    browser = await sign_in("account:self", "release:read")
    await browser.open(f"/releases/{REQUEST}")
    assert content(browser) == (
        "Request of Tehama County Sheriff packaged restricted: a document of legal authority and"
        " two approvers Request Agency Tehama County Sheriff (CA0520000), law enforcement, US-CA"
        " Requested by Dana Ruiz, Detective Filed by Filer Doe, Filer of rank, 2026-06-01 03:00:00"
        " UTC (9 h 0 min ago) Purpose criminal investigation, robbery: Locate the vehicle that"
        " left a robbery Case number TCS-26-0417 Legal authority order 26-mj-17, save the document"
        f" (recorded), SHA-256 {AB}"
        " Plate any Captured 2026-06-01 01:00:00 UTC to 2026-06-01 02:00:00 UTC Cameras"
        f" {HIT}, {READ} Pictures not"
        " requested Decisions Decision approved Reason Scoped to one plate Whole frames"
        f" {HIT}, {READ} Hits of"
        " state, federal lists By First Doe, First of rank, 2026-06-01 04:00:00 UTC Decision"
        " approved Reason the order names it Citation Code 1 By Second Doe, Second of rank,"
        " 2026-06-01 05:00:00 UTC Package Packed 2026-06-01 07:00:00 UTC Contents reads: 3;"
        " pictures: 5, left out with the reason in the package: 2; 183,220 bytes SHA-256"
        f" {CD}, signed by key-1"
        " Available until 2026-06-15 12:00:00 UTC Received Taker8 Doe, Taker8 of rank, 2026-06-01"
        " 08:00:00 UTC Received Taker9 Doe, Taker9 of rank, 2026-06-01 09:00:00 UTC Back to the"
        " requests",
        [
            f"/releases/documents/{OTHER_HIT}",
            "/releases",
        ],
    )
    failure = {"reason": "a plate has 1 to 12 characters", "failed_at": at(6)}
    failed = a_request(
        status="failed", failure=failure, review=None, decisions=[a_decision(decision="deny")]
    )
    show(f"/requests/{REQUEST}", failed)
    await browser.open(f"/releases/{REQUEST}")
    assert content(browser) == (
        "Request of Tehama County Sheriff failed Request Agency Tehama County Sheriff"
        " (CA0520000), law enforcement, US-CA Requested by Dana Ruiz, Detective Filed by Dana"
        " Ruiz, Police Officer, 2026-05-30 10:00:00 UTC (2 d 2 h ago) Purpose criminal"
        " investigation, robbery: Locate the vehicle that left a robbery Case number TCS-26-0417"
        " Legal authority not named Plate 7ABC123 Captured 2026-05-01 00:00:00 UTC to 2026-05-02"
        " 00:00:00 UTC Cameras all Pictures requested Decisions Decision denied Reason Scoped to"
        " one plate By Sgt. Lee, Sergeant, 2026-06-01 11:00:00 UTC Package The system could not"
        " build the package: a plate has 1 to 12 characters. 2026-06-01 06:00:00 UTC . The agency"
        " may file a new request. Back to the requests",
        [
            "/releases",
        ],
    )
    for changes, said in (
        ({"status": "approved"}, "The system is building the package."),
        (
            {"status": "packaged", "package": PACKAGE},
            "Packed 2026-06-01 07:00:00 UTC Contents reads: 3; pictures: 5, left out with the reason in the package: 2;"
            f" 183,220 bytes SHA-256 {CD}, signed by key-1 Received not yet",
        ),
    ):
        show(f"/requests/{REQUEST}", failed | {"failure": None} | changes)
        await browser.open(f"/releases/{REQUEST}")
        found = content(browser)[0].partition(" Package ")[2]
        assert found == f"{said} Back to the requests"
    ended = {
        "reason": "The vehicle was found",
        "withdrawn_by": who("Withdrawer"),
        "withdrawn_at": at(6),
    }
    withdrawn = {"status": "withdrawn", "decisions": [], "package": None, "review": None}
    show(f"/requests/{REQUEST}", a_full_request() | withdrawn | {"withdrawal": ended})
    await browser.open(f"/releases/{REQUEST}")
    assert (
        " Decisions There is no decision. Withdrawn Withdrawer Doe, Withdrawer of rank, 2026-06-01 06:00:00 UTC:"
        " The vehicle was found Package This request has no package. Back"
    ) in content(browser)[0]


async def test_the_list_of_requests(sign_in, show, services):
    listed = [
        a_full_request(),
        a_request(filed_at=at(4, "01"), case_number="26-9", purpose_kind="missing_person"),
    ]
    show("/requests", {"items": listed, "next": OTHER_HIT})
    until = {"purpose_id": READ, "purpose_token": "t", "expires_at": at(13)}
    services.answers["POST /purposes"] = lambda _: httpx.Response(201, json=until)
    browser = await sign_in("account:self", "release:read", "purpose:declare")
    await browser.open("/purpose")
    await browser.send("/purpose", back="/releases", **DECLARED)
    assert content(browser) == (
        "Release requests State any submitted first approved approved packaged failed expired"
        " denied refused withdrawn Show Filed Age State Agency Purpose Case 2026-06-01 03:00:00"
        " UTC 9 h 0 min packaged restricted Tehama County Sheriff criminal investigation"
        " TCS-26-0417 2026-06-01 04:00:00 UTC 8 h 0 min submitted Tehama County Sheriff missing"
        " person 26-9 Older requests",
        [
            f"/releases/{REQUEST}",
            f"/releases/{REQUEST}",
            f"/releases?status=&after={OTHER_HIT}",
        ],
    )
    assert (
        "badge warn" not in browser.page.text.partition("packaged</span>")[0].rpartition("<tr>")[2]
    )
    assert '<span class="badge warn">submitted</span>' in browser.page.text


async def test_the_page_of_the_own_request(sign_in, show):
    show(f"/agency/requests/{REQUEST}", a_full_request())
    browser = await sign_in("account:self", "release:download")
    await browser.open(f"/requests/{REQUEST}")
    assert content(browser) == (
        "Request for case TCS-26-0417 packaged two people review it, with the document of legal"
        " authority Filed by Filer Doe, 2026-06-01 03:00:00 UTC Requested by Dana Ruiz, Detective"
        " Purpose criminal investigation, robbery: Locate the vehicle that left a robbery Legal"
        " authority order 26-mj-17, SHA-256"
        f" {AB} Plate any Captured"
        " 2026-06-01 01:00:00 UTC to 2026-06-01 02:00:00 UTC"
        f" Cameras {HIT}, {READ} Pictures not requested Approved"
        " 2026-06-01 04:00:00 UTC: Scoped to one plate Approved 2026-06-01 05:00:00 UTC: the order"
        " names it (Code 1) Package Contents reads: 3; pictures: 5, left out with the reason in"
        " the package: 2; 183,220 bytes SHA-256"
        f" {CD}, signed by key-1"
        " Available until 2026-06-15 12:00:00 UTC Received Taker8 Doe, 2026-06-01 08:00:00 UTC"
        " Received Taker9 Doe, 2026-06-01 09:00:00 UTC Save the package (recorded as received)"
        " Back to the requests",
        [
            f"/requests/{REQUEST}/package",
            "/requests",
        ],
    )
    show(f"/agency/requests/{REQUEST}", a_full_request() | {"status": "expired"})
    await browser.open(f"/requests/{REQUEST}")
    assert content(browser)[0].partition(" Package ")[2] == (
        "Contents reads: 3; pictures: 5, left out with the reason in the package: 2; 183,220"
        f" bytes SHA-256 {CD}, signed"
        " by key-1 Available until 2026-06-15 12:00:00 UTC Received Taker8 Doe, 2026-06-01"
        " 08:00:00 UTC Received Taker9 Doe, 2026-06-01 09:00:00 UTC The time to fetch it is over."
        " File a new request if your agency still needs the data. Back to the requests"
    )
    ended = {
        "reason": "The vehicle was found",
        "withdrawn_by": who("Withdrawer"),
        "withdrawn_at": at(6),
    }
    show(
        f"/agency/requests/{REQUEST}",
        a_full_request() | {"status": "withdrawn", "package": None, "withdrawal": ended},
    )
    await browser.open(f"/requests/{REQUEST}")
    assert (
        "Withdrawn Withdrawer Doe, 2026-06-01 06:00:00 UTC: The vehicle was found Package This request has no package."
    ) in content(browser)[0]
    show(
        "/agency/requests",
        {"items": [a_full_request(), a_full_request() | {"status": "expired"}], "next": OTHER_HIT},
    )
    await browser.open("/requests?status=packaged")
    assert content(browser) == (
        "Your agency's requests for data State any submitted first approved approved packaged"
        " failed expired denied refused withdrawn Show Filed State By Purpose Case Package until"
        " 2026-06-01 03:00:00 UTC packaged Dana Ruiz criminal investigation TCS-26-0417 2026-06-15"
        " 12:00:00 UTC 2026-06-01 03:00:00 UTC expired Dana Ruiz criminal investigation"
        " TCS-26-0417 Older requests",
        [
            f"/requests/{REQUEST}",
            f"/requests/{REQUEST}",
            f"/requests?status=packaged&after={OTHER_HIT}",
        ],
    )


async def test_the_reads_under_a_hold(sign_in, show, services):
    hit = {"hit_id": HIT, "record_kind": "stolen_vehicle", "tier": "high", "source": "state"}
    read = a_read(
        plate_as_read="7AB·C128", region="US-NV", captured_at=at(1), received_at=at(3), late=True, has_image=True,
        capture_id=OTHER_HIT, misread_risk=0.014, place={"latitude": 39.9, "longitude": -122.1},
        vehicle={"colour": "grey", "make": "Toyota", "model": "Camry", "direction": "receding", "lane": 2, "speed_kmh": 48.0},
        alternatives=[{"plate": "7ABC128", "probability": 0.6}, {"plate": "7A8C128", "probability": 0.399}],
        pass_agrees=False, hits=[hit | {"verification": "misread"}, hit | {"hit_id": OTHER_HIT, "verification": None}],
    )  # fmt: skip
    show(f"/holds/{HOLD}", a_hold())
    show(
        f"/holds/{HOLD}/records",
        {"items": [read, a_read(crop_url=None, pass_agrees=True)], "next": None},
    )
    until = {"purpose_id": READ, "purpose_token": "t", "expires_at": at(13)}
    services.answers["POST /purposes"] = lambda _: httpx.Response(201, json=until)
    browser = await sign_in(
        "account:self", "purpose:declare", "hold:read", "hold:manage", "image:read", "hit:read"
    )
    await browser.open("/purpose")
    await browser.send(
        "/purpose", back=f"/holds/{HOLD}/records", **DECLARED | {"kind": "criminal_investigation"}
    )
    assert content(browser) == (
        "Records that the hold for case 26-001234 preserves Purpose: criminal investigation,"
        " vehicle theft, 26-001234; until 2026-06-01 13:00:00 UTC . Declare another Plate As the"
        " camera saw it Captured Camera Confidence Hits 7AB·C128 US-NV hold whole picture"
        " 2026-06-01 01:00:00 UTC late: arrived 2026-06-01 03:00:00 UTC, after more than the"
        " longest delay permitted for this camera Solano St east grey Toyota Camry, receding, lane"
        " 2, 48 km/h 39.9, -122.1 least certain character 97% risk of a misread 2% or 7A8C128"
        " (39%) most frames of this vehicle read another plate stolen vehicle: misread, stolen"
        " vehicle: UNVERIFIED 7ABC128 hold no picture 2026-06-01 11:00:00 UTC Solano St east least"
        " certain character 97% none Back to the hold",
        [
            f"/purpose?back=/holds/{HOLD}/records",
            f"/holds/new/{READ}",
            f"/reads/{READ}/picture",
            f"/hits/{HIT}",
            f"/hits/{OTHER_HIT}",
            f"/holds/new/{READ}",
            f"/holds/{HOLD}",
        ],
    )


async def test_the_reads_of_a_search_by_colour_and_make(sign_in, show, services):
    reads = [a_read(vehicle={"colour": "grey"}), a_read(vehicle={"make": "Toyota"}), a_read()]
    window = {"captured_from": "2026-05-01T00:00:00Z", "captured_to": "2026-05-02T00:00:00Z"}
    services.answers["POST /reads/search"] = lambda _: httpx.Response(
        200, json={"items": reads, "next": None, **window}
    )
    browser = await sign_in("account:self", "purpose:declare", "record:search")
    await browser.open("/purpose")
    await browser.send("/purpose", back="/search", **DECLARED | {"kind": "criminal_investigation"})
    typed = {"captured_from": "2026-05-01T00:00", "captured_to": "2026-05-02T00:00"}
    await browser.send("/search", plate="7AB?1*", colour="grey", make="Toyota", **typed)
    assert content(browser)[0].partition("Confidence Hits ")[2] == (
        "7ABC128 your role does not let you see pictures 2026-06-01 11:00:00 UTC Solano St east"
        " grey make not reported least certain character 97% none 7ABC128 your role does not let"
        " you see pictures 2026-06-01 11:00:00 UTC Solano St east Toyota colour not reported least"
        " certain character 97% none 7ABC128 your role does not let you see pictures 2026-06-01"
        " 11:00:00 UTC Solano St east colour not reported make not reported least certain"
        " character 97% none"
    )


async def test_the_reports_on_accuracy(sign_in, show):
    figures = {
        "judged": 4100, "exact": 3000, "folded": 600, "one_edit": 300, "further": 150, "no_read": 50, "confidences": [],
    }  # fmt: skip
    row = {
        "device_id": READ, "device_name": "Solano St east", "judgement": "right", "region": "US-CA", "source": "edge",
        "is_rest": False, "figures": figures,
    }  # fmt: skip
    rest = row | {
        "is_rest": True,
        "region": None,
        "source": None,
        "judgement": "wrong",
        "figures": None,
    }
    report = {
        "report_id": HIT, "state": "ready", "requested_by": who("Requester"), "requested_at": at(3), "captured_from": at(1),
        "captured_to": at(2), "device_ids": [HIT, READ], "fault": None, "measured_at": at(4), "engine": "ours@1234",
        "smallest_cell": 12, "rows": [row, rest],
    }  # fmt: skip
    show(f"/accuracy-reports/{HIT}", report)
    show(
        "/accuracy-reports",
        {"items": [report, report | {"state": "failed", "rows": []}], "next": OTHER_HIT},
    )
    browser = await sign_in("account:self", "accuracy:measure")
    await browser.open(f"/accuracy/{HIT}")
    assert content(browser) == (
        "Report on accuracy ready Captured 2026-06-01 01:00:00 UTC to 2026-06-01 02:00:00 UTC"
        " Cameras 2 Requested Requester Doe, Requester of rank, 2026-06-01 03:00:00 UTC Measured"
        " 2026-06-01 04:00:00 UTC, by ours@1234 Camera Judgement State Read by Judged Engine reads"
        " it so Exactly But for O, Q, I One off Further off Not at all Solano St east the plate on"
        " record is right US-CA camera 4,100 87% 3,000 600 300 150 50 Solano St east the plate on"
        " record is a misread small rows together any fewer than 12 Only reads that raised a"
        " verified hit are judged. So the figures compare cameras and states with each other; they"
        " are not the share of all plates that are read right. Where the plate on record is a"
        " misread, a high share means that the engine repeats the mistake. Back to the reports",
        [
            "/accuracy",
        ],
    )
    show(
        f"/accuracy-reports/{HIT}",
        report | {"state": "failed", "fault": "no crop", "device_ids": [], "rows": []},
    )
    await browser.open(f"/accuracy/{HIT}")
    assert content(browser) == (
        "Report on accuracy failed Captured 2026-06-01 01:00:00 UTC to 2026-06-01 02:00:00 UTC"
        " Cameras all Requested Requester Doe, Requester of rank, 2026-06-01 03:00:00 UTC Measured"
        " 2026-06-01 04:00:00 UTC, by ours@1234 Last error no crop Back to the reports",
        [
            "/accuracy",
        ],
    )
    await browser.open("/accuracy")
    assert content(browser) == (
        "Reports on accuracy A report says how well plates are read at each camera, from hits"
        " that people have verified. It shows counts, and never a plate, a picture or a read."
        " Requested By Captured State 2026-06-01 03:00:00 UTC Requester Doe 2026-06-01 01:00:00"
        " UTC to 2026-06-01 02:00:00 UTC ready 2026-06-01 03:00:00 UTC Requester Doe 2026-06-01"
        " 01:00:00 UTC to 2026-06-01 02:00:00 UTC failed Older reports Request a report To request"
        " a report, declare a purpose first.",
        [
            f"/accuracy/{HIT}",
            f"/accuracy/{HIT}",
            f"/accuracy?after={OTHER_HIT}",
            "/purpose?back=/accuracy&opens=accuracy:measure",
        ],
    )


async def test_what_waits_of_holds_without_a_purpose(sign_in, show):
    waiting = {
        "in_force": 14, "oldest_placed_at": "2026-05-31T10:00:00Z", "overdue": 3, "overdue_since": "2026-05-30T10:00:00Z",
        "unbooked": 5, "oldest_requested_at": "2026-05-29T10:00:00Z",
    }  # fmt: skip
    show("/holds/waiting", waiting)
    browser = await sign_in("account:self", "purpose:declare", "hold:read")
    await browser.open("/holds")
    assert content(browser) == (
        "Holds Waiting Count Oldest Holds past their date of review 3 2 d 2 h old Holds in force"
        " 14 1 d 2 h old Exports that await a booking 5 3 d 2 h old To see plates, cases and"
        " people, declare a purpose first.",
        [
            "/purpose?back=%2Fholds&opens=hold%3Aread",
        ],
    )
