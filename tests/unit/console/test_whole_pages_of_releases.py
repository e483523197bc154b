"""What pages of requests of other agencies show, whole: each value from its own field, each link to its own record."""

from tests.unit.console.answers import REQUEST, a_decision, a_request
from tests.unit.console.services import DECLARED, HIT, OTHER_HIT, READ
from tests.unit.console.whole import by, june, paths, read

AB, CD = "ab" * 32, "cd" * 32

PACKAGE = {
    "sha256": CD, "size_bytes": 183220, "reads": 3, "images": 5, "omitted": 2, "manifest_signed_by": "key-1",
    "packaged_at": june(7),
}  # fmt: skip

WITHDRAWAL = {
    "reason": "The vehicle was found", "withdrawn_by": by("Withdrawer"), "withdrawn_at": june(6),
}  # fmt: skip


def a_full_request(**changes):
    """Return a request that says all it can, two people approved, and one fetched."""
    decisions = [
        a_decision(
            decided_by=by("First"),
            decided_at=june(4),
            originals=[HIT, READ],
            list_sources=["state", "federal"],
        ),
        a_decision(
            decided_by=by("Second"),
            decided_at=june(5),
            reason="the order names it",
            citation="Code 1",
        ),
    ]
    criteria = {
        "captured_from": june(1), "captured_to": june(2), "plate": None, "device_ids": [HIT, READ],
        "include_images": False,
    }  # fmt: skip
    receipts = [
        {"received_by": by(f"Taker{hour}"), "received_at": june(hour), "sha256": CD}
        for hour in (8, 9)
    ]
    return a_request(
        status="packaged", filed_by=by("Filer"), filed_at=june(3), requester_name="Dana Ruiz", restricted=True,
        legal_authority={"reference": "order 26-mj-17", "document_id": OTHER_HIT, "sha256": AB},
        decisions=decisions, criteria=criteria, package=PACKAGE, receipts=receipts, expires_at=june(12, 15),
        review=None, **changes,
    )  # fmt: skip


async def test_the_page_of_a_request(sign_in, show):
    show(f"/requests/{REQUEST}", a_full_request())
    browser = await sign_in("account:self", "release:read")
    await browser.open(f"/releases/{REQUEST}")
    assert browser.content == read(f"""
        Request of Tehama County Sheriff packaged restricted: a document of legal authority and two
        approvers Request Agency Tehama County Sheriff (CA0520000), law enforcement, US-CA Requested
        by Dana Ruiz, Detective Filed by Filer, Filer's title, 2026-06-01 03:00:00 UTC (9 h 0 min
        ago) Purpose criminal investigation, robbery: Locate the vehicle that left a robbery Case
        number TCS-26-0417 Legal authority order 26-mj-17, save the document (recorded), SHA-256
        {AB} Plate any Captured 2026-06-01 01:00:00 UTC to 2026-06-01 02:00:00 UTC Cameras {HIT} ,
        {READ} Pictures not requested Decisions Decision approved Reason Scoped to one plate Whole
        frames {HIT} , {READ} Hits of state, federal lists By First, First's title, 2026-06-01
        04:00:00 UTC Decision approved Reason the order names it Citation Code 1 By Second, Second's
        title, 2026-06-01 05:00:00 UTC Package Packed 2026-06-01 07:00:00 UTC Contents reads: 3;
        pictures: 5, left out with the reason in the package: 2; 183,220 bytes SHA-256 {CD} , signed
        by key-1 Available until 2026-06-15 12:00:00 UTC Received Taker8, Taker8's title, 2026-06-01
        08:00:00 UTC Received Taker9, Taker9's title, 2026-06-01 09:00:00 UTC Back to the requests
    """)
    assert browser.leads == paths(f"""
        /releases/documents/{OTHER_HIT}
        /releases
    """)
    failure = {"reason": "a plate has 1 to 12 characters", "failed_at": june(6)}
    failed = a_request(
        status="failed", failure=failure, review=None, decisions=[a_decision(decision="deny")]
    )
    show(f"/requests/{REQUEST}", failed)
    await browser.open(f"/releases/{REQUEST}")
    assert browser.content == read("""
        Request of Tehama County Sheriff failed Request Agency Tehama County Sheriff (CA0520000),
        law enforcement, US-CA Requested by Dana Ruiz, Detective Filed by Dana Ruiz, Police Officer,
        2026-05-30 10:00:00 UTC (2 d 2 h ago) Purpose criminal investigation, robbery: Locate the
        vehicle that left a robbery Case number TCS-26-0417 Legal authority not named Plate 7ABC123
        Captured 2026-05-01 00:00:00 UTC to 2026-05-02 00:00:00 UTC Cameras all Pictures requested
        Decisions Decision denied Reason Scoped to one plate By Sgt. Lee, Sergeant, 2026-06-01
        11:00:00 UTC Package The system could not build the package: a plate has 1 to 12 characters.
        2026-06-01 06:00:00 UTC . The agency may file a new request. Back to the requests
    """)
    assert browser.leads == ["/releases"]
    for changes, said in (
        ({"status": "approved"}, "The system is building the package."),
        (
            {"status": "packaged", "package": PACKAGE},
            "Packed 2026-06-01 07:00:00 UTC Contents reads: 3; pictures: 5, left out with the reason in the package: 2;"
            f" 183,220 bytes SHA-256 {CD} , signed by key-1 Received not yet",
        ),
    ):
        show(f"/requests/{REQUEST}", failed | {"failure": None} | changes)
        await browser.open(f"/releases/{REQUEST}")
        found = browser.content.partition(" Package ")[2]
        assert found == f"{said} Back to the requests"
    show(f"/requests/{REQUEST}", a_request(status="withdrawn", review=None, withdrawal=WITHDRAWAL))
    await browser.open(f"/releases/{REQUEST}")
    assert (
        " Decisions There is no decision. Withdrawn Withdrawer, Withdrawer's title, 2026-06-01 06:00:00 UTC :"
        " The vehicle was found Package This request has no package. Back"
    ) in browser.content


async def test_the_list_of_requests(sign_in, show):
    listed = [
        a_full_request(),
        a_request(filed_at=june(4), case_number="26-9", purpose_kind="missing_person"),
    ]
    show("/requests", {"items": listed, "next": OTHER_HIT})
    until = {"purpose_id": READ, "purpose_token": "t", "expires_at": june(13)}
    show("/purposes", until, 201, method="POST")
    browser = await sign_in("account:self", "release:read", "purpose:declare")
    await browser.open("/purpose")
    await browser.send("/purpose", back="/releases", **DECLARED)
    assert browser.content == read("""
        Release requests State any submitted first approved approved packaged failed expired denied
        refused withdrawn Show Filed Age State Agency Purpose Case 2026-06-01 03:00:00 UTC 9 h 0 min
        packaged restricted Tehama County Sheriff criminal investigation TCS-26-0417 2026-06-01
        04:00:00 UTC 8 h 0 min submitted Tehama County Sheriff missing person 26-9 Older requests
    """)
    assert browser.leads == paths(f"""
        /releases
        /releases/{REQUEST}
        /releases/{REQUEST}
        /releases?status=&after={OTHER_HIT}
    """)
    assert (
        "badge warn" not in browser.page.text.partition("packaged</span>")[0].rpartition("<tr>")[2]
    )
    assert '<span class="badge warn">submitted</span>' in browser.page.text


async def test_the_page_of_the_own_request(sign_in, show):
    show(f"/agency/requests/{REQUEST}", a_full_request())
    browser = await sign_in("account:self", "release:download")
    await browser.open(f"/requests/{REQUEST}")
    assert browser.content == read(f"""
        Request for case TCS-26-0417 packaged two people review it, with the document of legal
        authority Filed by Filer, 2026-06-01 03:00:00 UTC Requested by Dana Ruiz, Detective Purpose
        criminal investigation, robbery: Locate the vehicle that left a robbery Legal authority
        order 26-mj-17, SHA-256 {AB} Plate any Captured 2026-06-01 01:00:00 UTC to 2026-06-01
        02:00:00 UTC Cameras {HIT} , {READ} Pictures not requested Approved 2026-06-01 04:00:00 UTC
        : Scoped to one plate Approved 2026-06-01 05:00:00 UTC : the order names it (Code 1) Package
        Contents reads: 3; pictures: 5, left out with the reason in the package: 2; 183,220 bytes
        SHA-256 {CD} , signed by key-1 Available until 2026-06-15 12:00:00 UTC Received Taker8,
        2026-06-01 08:00:00 UTC Received Taker9, 2026-06-01 09:00:00 UTC Save the package (recorded
        as received) Back to the requests
    """)
    assert browser.leads == paths(f"""
        /requests/{REQUEST}/package
        /requests
    """)
    show(f"/agency/requests/{REQUEST}", a_full_request() | {"status": "expired"})
    await browser.open(f"/requests/{REQUEST}")
    assert browser.content.partition(" Package ")[2] == read(f"""
        Contents reads: 3; pictures: 5, left out with the reason in the package: 2; 183,220 bytes
        SHA-256 {CD} , signed by key-1 Available until 2026-06-15 12:00:00 UTC Received Taker8,
        2026-06-01 08:00:00 UTC Received Taker9, 2026-06-01 09:00:00 UTC The time to fetch it is
        over. File a new request if your agency still needs the data. Back to the requests
    """)
    show(
        f"/agency/requests/{REQUEST}",
        a_request(status="withdrawn", review=None, withdrawal=WITHDRAWAL),
    )
    await browser.open(f"/requests/{REQUEST}")
    assert (
        "Withdrawn Withdrawer, 2026-06-01 06:00:00 UTC : The vehicle was found Package This request has no package."
    ) in browser.content
    show(
        "/agency/requests",
        {"items": [a_full_request(), a_full_request() | {"status": "expired"}], "next": OTHER_HIT},
    )
    await browser.open("/requests?status=packaged")
    assert browser.content == read("""
        Your agency's requests for data State any submitted first approved approved packaged failed
        expired denied refused withdrawn Show Filed State By Purpose Case Package until 2026-06-01
        03:00:00 UTC packaged Dana Ruiz criminal investigation TCS-26-0417 2026-06-15 12:00:00 UTC
        2026-06-01 03:00:00 UTC expired Dana Ruiz criminal investigation TCS-26-0417 Older requests
    """)
    assert browser.leads == paths(f"""
        /requests
        /requests/{REQUEST}
        /requests/{REQUEST}
        /requests?status=packaged&after={OTHER_HIT}
    """)
