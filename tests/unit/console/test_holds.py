"""Holds and evidence at the console."""

import json
import re
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest

from tests.unit.console.services import (
    BOOKING,
    COPY,
    EXPORT,
    HIT,
    HOLD,
    OTHER_HIT,
    PERSON,
    READ,
    a_booking,
    a_hit,
    a_hold,
    a_read,
    an_export,
    problem,
)

HOSTILE = "<script>alert(1)</script>"
CUSTODIAN = ("account:self", "purpose:declare", "hold:read", "hold:manage")
DECLARED = {
    "kind": "criminal_investigation", "offence_type": "homicide", "case_number": "26-0117",
    "justification": "evidence of the homicide on Solano Street",
}  # fmt: skip


@pytest.fixture
def held_records(show, clock):
    """A hold, an export of it that is ready, and no booking."""
    until = clock.now().replace(hour=13).isoformat()
    taken = {"purpose_id": READ, "purpose_token": "purpose-token", "expires_at": until}
    show("/purposes", taken, 201, "POST")
    show("/holds", {"items": [a_hold()], "next": OTHER_HIT})
    show(f"/holds/{HOLD}", a_hold())
    show("/evidence-exports", {"items": [an_export()], "next": None})
    show(f"/evidence-exports/{EXPORT}", an_export())
    show(f"/evidence-exports/{EXPORT}/bookings", {"items": []})
    show(f"/evidence-exports/{EXPORT}/custody-acts", {"items": []})


@pytest.fixture
async def custodian(sign_in, held_records):
    """A custodian with a declared purpose."""
    browser = await sign_in(*CUSTODIAN)
    await browser.open("/purpose?back=/holds")
    await browser.send("/purpose", back="/holds", **DECLARED)
    assert browser.page.url.path == "/holds"
    return browser


def body_of(services, method, end):
    [asked] = services.asked(method, end)
    assert asked.headers["x-alpr-purpose"] == "purpose-token"
    return json.loads(asked.content)


async def test_the_list_of_holds_displays_reason_and_end_and_links_onwards(
    sign_in, services, held_records
):
    browser = await sign_in(*CUSTODIAN)
    await browser.open("/purpose?back=/holds")
    await browser.send("/purpose", back="/holds", **DECLARED)
    assert "criminal action: Homicide on Solano Street 26-001234 in force" in browser.said
    assert "Exports that await a booking" in browser.said
    assert f'href="/holds/exports/{EXPORT}"' in browser.page.text
    assert f"/holds?kept=in_force&amp;after={OTHER_HIT}" in browser.page.text
    await browser.open(f"/holds?kept=released&after={OTHER_HIT}")
    asked = services.asked("GET", "/holds")[-1].url.params
    assert dict(asked) == {"limit": "50", "in_force": "false", "after": OTHER_HIT}
    await browser.open("/holds?kept=all")
    assert dict(services.asked("GET", "/holds")[-1].url.params) == {"limit": "50"}
    asked = services.asked("GET", "/evidence-exports")[-1].url.params
    assert dict(asked) == {"limit": "50", "unbooked": "true"}
    await browser.open(f"/holds/{HOLD}")
    asked = services.asked("GET", "/evidence-exports")[-1].url.params
    assert dict(asked) == {"limit": "50", "hold_id": HOLD}


@pytest.mark.clause("468.4(a)/waiting")
async def test_without_a_purpose_the_list_displays_only_counts_and_ages(
    sign_in, show, services, held_records
):
    waiting = {
        "in_force": 4,
        "oldest_placed_at": "2026-05-30T10:00:00Z",
        "overdue": 1,
        "overdue_since": "2026-05-31T10:00:00Z",
        "unbooked": 0,
        "oldest_requested_at": None,
    }
    show("/holds/waiting", waiting)
    browser = await sign_in(*CUSTODIAN)
    await browser.open("/holds")
    assert "Holds in force 4 2 d 2 h old" in browser.said
    assert "Exports that await a booking 0 none" in browser.said
    assert 'href="/purpose?back=%2Fholds&amp;opens=hold%3Aread"' in browser.page.text
    assert services.asked("GET", "/holds") == []
    assert "26-001234" not in browser.page.text
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED | {"kind": "release"})
    services.seen.clear()
    await browser.open("/holds")
    assert "Holds in force 4" in browser.said, "a purpose that does not open holds is no obstacle"
    assert "x-alpr-purpose" not in services.asked("GET", "/holds/waiting")[0].headers


async def test_a_hold_shows_what_it_keeps_and_how_it_ended(sign_in, show, held_records):
    released = {
        "in_force": False, "released_by": PERSON, "released_at": "2026-06-01T11:00:00Z",
        "release_reason": "appeal time over",
        "criteria": {
            "read_ids": [READ], "area": {"type": "circle", "latitude": 39.9, "longitude": -122.1,
            "radius_m": 400.0}, "captured_to": "2026-05-02T00:00:00Z",
        },
    }  # fmt: skip
    browser = await sign_in(*CUSTODIAN)
    await browser.open(f"/holds/{HOLD}")
    assert "plate 7ABC123" in browser.said
    assert "since, including future records" in browser.said
    show(f"/holds/{HOLD}", a_hold(**released))
    await browser.open(f"/holds/{HOLD}")
    assert f"read {READ} within 400 m of 39.9, -122.1" in browser.said
    assert "future records" not in browser.said
    assert "by Ola Lindqvist, Police Officer: appeal time over" in browser.said
    assert "Release the hold" not in browser.said
    show(f"/holds/{HOLD}", a_hold(**released | {"criteria": {"plate": "7ABC123"}}))
    await browser.open(f"/holds/{HOLD}")
    assert "Preserved plate 7ABC123 captured at any time, until its release Placed" in browser.said


async def test_work_on_a_hold_asks_for_a_purpose_first(sign_in, held_records):
    browser = await sign_in(*CUSTODIAN)
    answer = await browser.open(f"/holds/new/{READ}")
    assert (
        answer.headers["location"] == f"/purpose?back=%2Fholds%2Fnew%2F{READ}&opens=hold%3Amanage"
    )
    await browser.open(answer.headers["location"])
    await browser.send("/purpose", back=f"/holds/new/{READ}", **DECLARED)
    assert browser.page.url.path == f"/holds/new/{READ}"
    assert 'value="26-0117"' in browser.page.text, "the case of the purpose stands there already"


@pytest.mark.parametrize(
    "path", ["/holds/new", f"/holds/{HOLD}/records", f"/holds/exports/{EXPORT}/package"]
)
async def test_nothing_of_a_hold_is_fetched_before_a_purpose_opens_it(
    sign_in, services, held_records, path
):
    browser = await sign_in(*CUSTODIAN)
    services.seen.clear()
    answer = await browser.open(path)
    assert answer.headers["location"] == f"/purpose?{urlencode({'back': path})}&opens=hold%3Amanage"
    assert not services.seen


async def test_without_a_purpose_a_hold_cannot_be_changed(sign_in, services, held_records):
    browser = await sign_in(*CUSTODIAN)
    await browser.open(f"/holds/{HOLD}")
    assert f"/purpose?back=/holds/{HOLD}" in browser.page.text
    assert 'name="reason"' not in browser.page.text
    assert 'id="release"' not in browser.page.text
    await browser.send(f"/holds/{HOLD}/release", reason="case closed")
    assert str(browser.page.url).endswith("/purpose?back=%2Fholds&opens=hold%3Amanage")
    assert not services.asked("POST", "/release")


@pytest.mark.parametrize(
    "path",
    [
        "/holds/new",
        f"/holds/{HOLD}/confirmation",
        f"/holds/{HOLD}/exports",
        f"/holds/exports/{EXPORT}/bookings",
        f"/holds/exports/{EXPORT}/withdrawal",
    ],
)
async def test_no_form_of_a_hold_or_an_export_is_sent_on_without_a_purpose(
    sign_in, services, held_records, path
):
    browser = await sign_in(*CUSTODIAN)
    await browser.open(f"/holds/{HOLD}")
    await browser.send(path, reason="case closed")
    assert str(browser.page.url).endswith("/purpose?back=%2Fholds&opens=hold%3Amanage")
    assert not [
        one for one in services.seen if one.method == "POST" and one.url.host == "retention"
    ]


async def test_a_hold_is_placed_on_one_read_with_reason_and_case(custodian, services, show):
    show("/holds", a_hold(), 201, "POST")
    await custodian.open(f"/holds/new/{READ}")
    [key] = re.findall(r'name="key" value="([^"]+)"', custodian.page.text)
    typed = {"basis": "evidence", "case_number": "26-1", "description": "Homicide"}
    await custodian.send("/holds/new", **typed, read_id=READ, key=key)
    assert services.asked("POST", "/holds")[0].headers["idempotency-key"] == key
    assert body_of(services, "POST", "/holds") == {
        "basis": "evidence",
        "case_number": "26-1",
        "description": "Homicide",
        "criteria": {"read_ids": [READ]},
    }
    assert custodian.page.url.path == f"/holds/{HOLD}"


async def test_a_line_break_counts_as_one_character_as_in_the_browser(custodian, services, show):
    show("/holds", a_hold(), 201, "POST")
    await custodian.open(f"/holds/new/{READ}")
    typed = "\r\n".join("x" * 999 + "y")  # 1,999 characters to the browser, which allows 2,000
    await custodian.send(
        "/holds/new", basis="evidence", case_number="26-1", description=typed, read_id=READ
    )
    assert len(body_of(services, "POST", "/holds")["description"]) == 1999


async def test_a_hold_is_placed_on_what_matches_now_and_later(custodian, services, show):
    show("/holds", a_hold(), 201, "POST")
    await custodian.open("/holds/new")
    circle = {"latitude": "39.9", "longitude": "-122.1", "radius_m": "400"}
    await custodian.send(
        "/holds/new", basis="evidence", case_number="26-1", description="Homicide",
        plate="7AB?123", lookalike="yes", captured_from="2026-05-30T21:30", **circle,
    )  # fmt: skip
    assert body_of(services, "POST", "/holds")["criteria"] == {
        "plate": "7AB?123",
        "lookalike": True,
        "captured_from": "2026-05-30T21:30Z",
        "area": {"latitude": 39.9, "longitude": -122.1, "radius_m": 400.0},
    }


@pytest.mark.parametrize(
    ("form", "page"),
    [
        (f"/evidence-exports/{EXPORT}/bookings", f"/holds/exports/{EXPORT}"),
        (f"/evidence-exports/{EXPORT}/withdrawal", f"/holds/exports/{EXPORT}"),
        (f"/holds/{HOLD}/release", f"/holds/{HOLD}"),
    ],
)
async def test_a_purpose_that_only_the_service_finds_missing_leads_back_to_the_forms_own_page(
    custodian, services, form, page
):
    services.lenient = True
    services.answers[f"POST {form}"] = lambda _: problem(403, "Purpose", code="purpose_missing")
    await custodian.open(page)
    await custodian.send(form.replace("/evidence-exports", "/holds/exports"), reason="x")
    assert custodian.page.url.params["back"] == page


async def test_a_form_whose_purpose_ended_meanwhile_is_kept_and_sent_again(
    custodian, services, show, clock
):
    show("/holds", a_hold(), 201, "POST")
    await custodian.open("/holds/new")
    token = custodian.token()
    for _ in range(4):
        clock.advance(minutes=16)
        await custodian.http.get("/")
    typed = {"basis": "evidence", "case_number": "26-1", "description": "long", "read_id": READ}
    answer = await custodian.send("/holds/new", token=token, **typed)
    assert answer.status_code == 403
    assert "What you typed is kept: declare a purpose in a new window" in custodian.said
    assert 'href="/purpose?back=%2Fholds&amp;opens=hold%3Amanage"' in answer.text
    assert not services.asked("POST", "/holds")
    until = {"expires_at": (clock.now() + timedelta(hours=1)).isoformat()}
    show("/purposes", {"purpose_id": READ, "purpose_token": "purpose-token", **until}, 201, "POST")
    await custodian.open("/purpose?back=/holds")
    await custodian.send("/purpose", back="/holds", **DECLARED)
    await custodian.send("/holds/new", token=token, **typed)  # as the browser does on a reload
    assert custodian.page.url.path == f"/holds/{HOLD}"


async def test_a_refused_hold_names_its_field_and_keeps_what_was_typed(custodian, services):
    services.answers["POST /holds"] = lambda _: problem(
        422, "A value is not acceptable", "say what to hold", field="criteria"
    )
    await custodian.open("/holds/new")
    typed = {"basis": "discovery", "case_number": "26-1", "description": HOSTILE}
    answer = await custodian.send("/holds/new", **typed, key="form-26-000417")
    assert answer.status_code == 422
    assert 'name="key" value="form-26-000417"' in answer.text, "sent again, it acts once too"
    assert "say what to hold Field: criteria" in custodian.said
    assert '<option value="discovery" selected>' in answer.text
    assert HOSTILE not in answer.text


async def test_searches_and_hits_offer_a_hold_only_to_people_who_may_place_one(
    sign_in, services, show, held_records
):
    show(f"/hits/{HIT}", a_hit())
    show("/reads/search", {"items": [a_read()], "next": None}, method="POST")
    way = f'href="/holds/new/{READ}"'
    for permissions, offered in ((CUSTODIAN, True), (("account:self",), False)):
        browser = await sign_in(*permissions, "purpose:declare", "record:search", "hit:read")
        await browser.open("/purpose")
        await browser.send("/purpose", **DECLARED)
        window = {"captured_from": "2026-05-30T21:30", "captured_to": "2026-05-30T23:00"}
        assert (way in (await browser.send("/search", plate="7ABC123", **window)).text) is offered
        assert (way in (await browser.open(f"/hits/{HIT}")).text) is offered


async def test_held_records_show_no_pictures_to_those_who_may_not_see_them(
    custodian, services, show
):
    hit = {"hit_id": HIT, "record_kind": "canvass", "tier": "high", "source": "state",
           "verification": None, "disposition": None}  # fmt: skip
    page = {"items": [a_read(hits=[hit])], "next": "abc=="}
    show(f"/holds/{HOLD}/records", page)
    await custodian.open(f"/holds/{HOLD}/records")
    assert "7ABC128 hold your role does not let you see pictures" in custodian.said
    assert "canvass: UNVERIFIED" in custodian.said
    assert "/crop" not in custodian.page.text
    assert f"/hits/{HIT}" not in custodian.page.text
    assert f"/holds/{HOLD}/records?after=abc%3D%3D" in custodian.page.text
    await custodian.open(f"/holds/{HOLD}/records?after=abc%3D%3D")
    assert services.asked("GET", "/records")[-1].url.params["after"] == "abc=="


@pytest.mark.clause("468.4(a)/asked-for")
async def test_a_person_who_may_not_see_held_records_is_refused_and_asked_for_no_purpose(
    sign_in, services, held_records
):
    missing = problem(403, "Not permitted", code="permission_missing", params={})
    services.answers[f"GET /holds/{HOLD}/records"] = lambda _: missing
    services.answers[f"GET /holds/{HOLD}"] = lambda _: problem(
        403, "Not permitted", code="purpose_missing", params={}
    )
    browser = await sign_in("account:self", "purpose:declare", "hold:read")
    assert (await browser.open(f"/holds/{HOLD}/records")).status_code == 403
    assert services.asked("GET", "/records"), "retention has the refusal on record"


async def test_a_hold_is_released_with_a_reason(custodian, services, show):
    show(f"/holds/{HOLD}/release", a_hold(in_force=False), method="POST")
    await custodian.open(f"/holds/{HOLD}")
    await custodian.send(f"/holds/{HOLD}/release", reason="case closed")
    assert body_of(services, "POST", "/release") == {"reason": "case closed"}


async def test_the_page_of_a_hold_explains_that_its_placer_cannot_release_it(custodian, show):
    show(f"/holds/{HOLD}", a_hold(placed_by=PERSON | {"person_id": READ}))
    await custodian.open(f"/holds/{HOLD}")
    assert "You placed this hold, so another person releases it." in custodian.said
    assert 'name="reason"' not in custodian.page.text


async def test_a_refused_release_displays_the_reason_beside_its_form(custodian, services):
    words = "evidence was exported under this hold and no copy of it is booked"
    services.answers[f"POST /holds/{HOLD}/release"] = lambda _: problem(409, "Conflict", words)
    await custodian.open(f"/holds/{HOLD}")
    answer = await custodian.send(f"/holds/{HOLD}/release", reason="case closed")
    assert answer.status_code == 409
    assert words in custodian.said.partition("Release ")[2]
    assert ">case closed</textarea>" in answer.text


async def test_an_export_requested_twice_by_one_form_uses_one_key(custodian, services, show):
    show("/evidence-exports", an_export(state="requested"), 202, "POST")
    await custodian.open(f"/holds/{HOLD}")
    [key] = re.findall(r'name="key" value="([^"]+)"', custodian.page.text)
    token = custodian.token()
    for _ in range(2):
        await custodian.send(f"/holds/{HOLD}/exports", key=key, token=token)
        assert custodian.page.url.path == f"/holds/exports/{EXPORT}"
    asked = services.asked("POST", "/evidence-exports")
    assert [a.headers["idempotency-key"] for a in asked] == [key, key]
    assert json.loads(asked[0].content) == {"hold_id": HOLD}
    await custodian.open(f"/holds/{HOLD}")
    assert key not in custodian.page.text
    services.answers["POST /evidence-exports"] = lambda _: problem(409, "Conflict", "not now")
    await custodian.send(f"/holds/{HOLD}/exports", key=key)
    assert f'name="key" value="{key}"' in custodian.page.text, "sent again, it acts once too"


async def test_a_package_is_forwarded_with_its_digest(custodian, services):
    package = httpx.Response(
        200,
        content=b"PK\x03\x04" * 100,
        headers={"Content-Type": "application/zip", "X-Content-SHA256": "cd" * 32},
    )
    services.answers[f"GET /evidence-exports/{EXPORT}/package"] = lambda _: package
    answer = await custodian.open(f"/holds/exports/{EXPORT}/package")
    [asked] = services.asked("GET", "/package")
    assert asked.headers["accept-encoding"] == "identity", "its length is that of the file"
    assert answer.content == b"PK\x03\x04" * 100
    assert answer.headers["x-content-sha256"] == "cd" * 32
    name = f'attachment; filename="evidence-{EXPORT}.zip"'
    assert answer.headers["content-disposition"] == name
    page = httpx.Response(200, text="<script>", headers={"Content-Type": "text/html"})
    services.answers[f"GET /evidence-exports/{EXPORT}/package"] = lambda _: page
    assert (await custodian.open(f"/holds/exports/{EXPORT}/package")).status_code == 502
    words = "the hold was released, and the package went with it"
    services.answers[f"GET /evidence-exports/{EXPORT}/package"] = lambda _: problem(
        409, "Conflict", words
    )
    assert (await custodian.open(f"/holds/exports/{EXPORT}/package")).status_code == 409
    assert words in custodian.said


async def test_a_copy_is_booked_and_corrected_by_a_further_booking(custodian, services, show):
    path = f"/evidence-exports/{EXPORT}/bookings"
    show(path, {"items": [a_booking()]})
    show(path, a_booking(), 201, "POST")
    await custodian.open(f"/holds/exports/{EXPORT}")
    assert "P. Room, Property Officer" in custodian.said
    assert "Withdraw the export" not in custodian.said, "what is in evidence is not withdrawn"
    [key] = set(re.findall(r'name="key" value="([^"]+)"', custodian.page.text))
    await custodian.send(
        f"/holds/exports/{EXPORT}/bookings", key=key, **COPY, note="wrong serial", corrects=BOOKING
    )
    asked = body_of(services, "POST", "/bookings")
    assert asked == COPY | {"note": "wrong serial", "corrects": BOOKING}


async def test_a_copy_that_is_not_the_package_is_refused_by_field_and_keeps_its_key(
    custodian, services
):
    services.answers[f"POST /evidence-exports/{EXPORT}/bookings"] = lambda _: problem(
        422,
        "A value is not acceptable",
        "the copy on the medium is not the package",
        field="sha256",
    )
    await custodian.open(f"/holds/exports/{EXPORT}")
    answer = await custodian.send(f"/holds/exports/{EXPORT}/bookings", key="k" * 24, **COPY)
    assert answer.status_code == 422
    assert "is not the package Field: sha256" in custodian.said
    assert f'name="key" value="{"k" * 24}"' in answer.text
    assert 'value="E26-0417-3"' in answer.text


async def test_an_act_that_was_corrected_before_and_a_download_are_not_offered_for_correction(
    custodian, show
):
    show(f"/evidence-exports/{EXPORT}/bookings", {"items": [a_booking()]})
    blank = dict.fromkeys(
        ("party_name", "party_organisation", "sha256", "matches", "order_reference", "note")
    )
    acts = [
        {
            "act_id": act_id, "export_id": EXPORT, "booking_id": booking, "kind": kind, **blank, "corrects": None,
            "corrected_by": corrected_by, "acted_at": "2026-06-01T10:00:00Z",
            "recorded_at": "2026-06-01T10:00:00Z", "recorded_by": PERSON,
        }
        for act_id, kind, booking, corrected_by in (
            (READ, "downloaded", None, None),
            (HIT, "returned", BOOKING, OTHER_HIT),
            (OTHER_HIT, "checked", BOOKING, None),
        )
    ]  # fmt: skip
    show(f"/evidence-exports/{EXPORT}/custody-acts", {"items": acts})
    await custodian.open(f"/holds/exports/{EXPORT}")
    offered = custodian.page.text.partition('name="act_corrects"')[2].partition("</select>")[0]
    assert re.findall(r'<option value="([^"]*)"', offered) == ["", OTHER_HIT]


async def test_an_export_is_withdrawn_with_a_reason(custodian, services, show):
    show(f"/evidence-exports/{EXPORT}/withdrawal", an_export(state="withdrawn"), method="POST")
    await custodian.open(f"/holds/exports/{EXPORT}")
    await custodian.send(f"/holds/exports/{EXPORT}/withdrawal", reason="written to no medium")
    assert body_of(services, "POST", "/withdrawal") == {"reason": "written to no medium"}


async def test_a_refused_withdrawal_says_why_and_keeps_the_reason(custodian, services):
    services.answers[f"POST /evidence-exports/{EXPORT}/withdrawal"] = lambda _: problem(
        409, "Conflict", "a copy is booked"
    )
    await custodian.open(f"/holds/exports/{EXPORT}")
    answer = await custodian.send(f"/holds/exports/{EXPORT}/withdrawal", reason="on no medium")
    assert answer.status_code == 409
    assert "Conflict a copy is booked" in custodian.said
    assert "on no medium</textarea>" in answer.text


async def test_a_package_that_was_deleted_here_is_not_offered(custodian, show):
    show(f"/evidence-exports/{EXPORT}", an_export(removed_at="2026-06-01T10:00:00Z"))
    await custodian.open(f"/holds/exports/{EXPORT}")
    assert "Deleted here 2026-06-01 10:00:00 UTC" in custodian.said
    assert "/package" not in custodian.page.text


async def test_the_forms_of_an_export_come_with_a_purpose(sign_in, held_records):
    browser = await sign_in(*CUSTODIAN)
    await browser.open(f"/holds/exports/{EXPORT}")
    posts = re.findall(r'method="post" action="([^"]+)"', browser.page.text)
    assert posts == ["/sign-out"]
    assert f"/purpose?back=/holds/exports/{EXPORT}" in browser.page.text


async def test_a_person_who_may_only_read_holds_gets_no_forms(sign_in, held_records):
    browser = await sign_in("account:self", "hold:read")
    for path in ("/holds", f"/holds/{HOLD}", f"/holds/exports/{EXPORT}"):
        await browser.open(path)
        posts = re.findall(r'method="post" action="([^"]+)"', browser.page.text)
        assert posts == ["/sign-out"], path
        assert "/purpose" not in browser.page.text
        assert "/package" not in browser.page.text


WIDE = {"criteria": {"captured_from": "2026-05-01T00:00:00Z"}, "wide": True}
OTHER_PERSON = {**PERSON, "person_id": "p-2", "name": "Ida Second"}


async def test_a_hold_wider_than_a_search_is_confirmed_by_another_person(custodian, services, show):
    waiting = a_hold(**WIDE, awaits_confirmation=True, placed_by=OTHER_PERSON)
    show(f"/holds/{HOLD}", waiting)
    page = (await custodian.open(f"/holds/{HOLD}")).text
    assert "awaits a second person" in page
    assert "Records that it preserves now" not in page
    assert f"/holds/{HOLD}/exports" not in page
    why = "the order names the crossing"
    done = a_hold(
        **WIDE,
        placed_by=OTHER_PERSON,
        confirmed_by=PERSON,
        confirmed_at="2026-06-01T10:00:00Z",
        confirmation_reason=why,
    )
    show(f"/holds/{HOLD}/confirmation", done, method="POST")
    show(f"/holds/{HOLD}", done)
    await custodian.send(f"/holds/{HOLD}/confirmation", confirmation_reason=why)
    assert body_of(services, "POST", "/confirmation") == {"reason": why}
    page = (await custodian.open(f"/holds/{HOLD}")).text
    assert why in page
    assert "Records that it preserves now" in page


async def test_the_page_of_a_wide_hold_explains_that_its_placer_cannot_confirm_it(custodian, show):
    own = {**PERSON, "person_id": READ}
    show(f"/holds/{HOLD}", a_hold(**WIDE, awaits_confirmation=True, placed_by=own))
    page = (await custodian.open(f"/holds/{HOLD}")).text
    assert "You placed this hold, so another person confirms it." in page
    assert "Confirm the hold" not in page


async def test_a_refused_confirmation_is_shown_in_the_services_words(custodian, services, show):
    show(f"/holds/{HOLD}", a_hold(**WIDE, awaits_confirmation=True, placed_by=OTHER_PERSON))
    await custodian.open(f"/holds/{HOLD}")
    words = "the purpose does not name this hold's case"
    services.answers[f"POST /holds/{HOLD}/confirmation"] = lambda _: problem(
        403, "Not permitted", words
    )
    answer = await custodian.send(
        f"/holds/{HOLD}/confirmation", confirmation_reason="because of it"
    )
    assert answer.status_code == 403
    assert "does not name this hold" in answer.text
    assert "because of it" in answer.text


ME = PERSON | {"person_id": READ}


async def test_a_hold_is_extended_or_taken_over_by_a_person_who_does_not_own_it(
    custodian, services, show
):
    show(f"/holds/{HOLD}/review", a_hold(), method="POST")
    show(f"/holds/{HOLD}/owner", a_hold(), method="POST")
    show(f"/holds/{HOLD}", a_hold(placed_by=ME))
    await custodian.open(f"/holds/{HOLD}")
    assert "At most 365 days from now" in custodian.said
    typed = {"review_by": "2026-12-01T10:00", "review_reason": "the appeal is open"}
    await custodian.send(f"/holds/{HOLD}/review", **typed)
    assert body_of(services, "POST", "/review") == {
        "review_by": "2026-12-01T10:00Z",
        "reason": "the appeal is open",
    }
    assert "Take the hold over" in custodian.said, "who placed it is not its owner"
    await custodian.send(f"/holds/{HOLD}/owner", owner_reason="has the case now")
    assert body_of(services, "POST", "/owner") == {"reason": "has the case now"}
    show(f"/holds/{HOLD}", a_hold(owner=ME))
    await custodian.open(f"/holds/{HOLD}")
    assert "Take the hold over" not in custodian.said
    services.answers[f"POST /holds/{HOLD}/review"] = lambda _: problem(
        422, "A value is not acceptable", "choose a time ahead", field="review_by"
    )
    answer = await custodian.send(f"/holds/{HOLD}/review", **typed)
    assert answer.status_code == 422
    assert "A value is not acceptable choose a time ahead Field: review by" in custodian.said
    assert 'value="2026-12-01T10:00"' in answer.text
    assert "the appeal is open</textarea>" in answer.text


def options(page, name):
    """Return the values that a choice offers, and the chosen ones."""
    offered = page.partition(f'name="{name}"')[2].partition("</select>")[0]
    found = re.findall(r'<option value="([^"]*)"( selected)?', offered)
    return [value for value, _ in found], [value for value, chosen in found if chosen]


async def test_refused_forms_of_an_export_keep_the_copy_and_what_they_correct(
    custodian, services, show
):
    copies = [
        a_booking(booking_id=HIT, in_force=False, corrected_by=BOOKING),
        a_booking(corrects=HIT),
        a_booking(booking_id=OTHER_HIT, media_serial="MID-9"),
    ]
    show(f"/evidence-exports/{EXPORT}/bookings", {"items": copies})
    blank = dict.fromkeys(("party_name", "party_organisation", "sha256", "matches", "note"))
    act = {
        "act_id": READ, "export_id": EXPORT, "booking_id": OTHER_HIT, "kind": "destroyed", **blank, "corrects": None,
        "corrected_by": None, "acted_at": "2026-06-01T10:00:00Z", "recorded_at": "2026-06-01T10:00:00Z",
        "order_reference": "order 26-17", "recorded_by": PERSON,
    }  # fmt: skip
    show(f"/evidence-exports/{EXPORT}/custody-acts", {"items": [act]})
    services.answers[f"POST /evidence-exports/{EXPORT}/bookings"] = lambda _: problem(
        409, "Conflict", "the medium is booked"
    )
    services.answers[f"POST /evidence-exports/{EXPORT}/custody-acts"] = lambda _: problem(
        409, "Conflict", "the copy was destroyed"
    )
    await custodian.open(f"/holds/exports/{EXPORT}")
    in_force = [BOOKING, OTHER_HIT]
    answer = await custodian.send(
        f"/holds/exports/{EXPORT}/bookings", key="k" * 24, **COPY, corrects=OTHER_HIT
    )
    assert options(answer.text, "corrects") == (["", *in_force], [OTHER_HIT])
    assert options(answer.text, "booking_id") == (in_force, [])
    answer = await custodian.send(
        f"/holds/exports/{EXPORT}/custody-acts", key="k" * 24, booking_id=OTHER_HIT, kind="checked",
        act_sha256="ab" * 32, act_corrects=READ, act_note="the other medium", acted_at="2026-06-01T09:00",
    )  # fmt: skip
    assert answer.status_code == 409
    assert "Conflict the copy was destroyed" in custodian.said
    assert options(answer.text, "booking_id") == (in_force, [OTHER_HIT])
    assert options(answer.text, "act_corrects") == (["", READ], [READ])
    assert 'name="acted_at" type="datetime-local" value="2026-06-01T09:00"' in answer.text
    assert "the other medium</textarea>" in answer.text
    assert body_of(services, "POST", "/custody-acts") == {
        "booking_id": OTHER_HIT, "kind": "checked", "sha256": "ab" * 32, "corrects": READ, "note": "the other medium",
        "acted_at": "2026-06-01T09:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "forms"),
    [
        ("requested", ["withdrawal"]),
        ("ready", ["bookings", "withdrawal"]),
        ("failed", []),
        ("withdrawn", []),
    ],
)
async def test_an_export_has_the_forms_of_its_state(custodian, show, state, forms):
    show(f"/evidence-exports/{EXPORT}", an_export(state=state))
    page = (await custodian.open(f"/holds/exports/{EXPORT}")).text
    assert re.findall(rf'action="/holds/exports/{EXPORT}/([^"]+)"', page) == forms
