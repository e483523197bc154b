"""Hot lists at the console: viewing, adding and ending entries."""

import json
import re

import httpx
import pytest

from tests.unit.console.services import DECLARED, HIT, NO_OUTCOMES, OTHER_HIT, problem

HOSTILE = "<script>alert(1)</script>"
LIST = "0199c0de-0000-7000-8000-000000000151"
ENTRY = "0199c0de-0000-7000-8000-0000000e9721"
MANAGER = ("account:self", "hotlist:read", "hotlist:manage")


def a_list(**changes):
    """Return a hot list as hotlist shows it."""
    return {
        "list_id": LIST,
        "name": "Stolen vehicles",
        "agency_ori": "CA0520100",
        "source": "state",
        "enabled": True,
        "staleness_hours": 24,
        "record_kinds_off": ["parts"],
        "active_version": 3,
        "entries": 12345,
        "as_of": "2026-05-31T10:00:00Z",
        "activated_at": "2026-05-31T10:05:00Z",
        "stale": True,
        "created_at": "2026-01-01T10:00:00Z",
        "created_by": "Sgt. Lee",
        **changes,
    }


def an_entry(**changes):
    return {
        "entry_id": ENTRY,
        "plate": "7ABC123",
        "plate_listed": "7ABC123",
        "partial": False,
        "state": "US-CA",
        "record_kind": "stolen_vehicle",
        "reason": "Reported stolen 3 June",
        "entering_ori": "CA0520100",
        "entering_reference": "26-001234",
        "make": "Toyota",
        "model": None,
        "colour": "blue",
        "year": 2019,
        "caution": "Armed and dangerous",
        "valid_from": None,
        "expires_at": "2026-07-01T00:00:00Z",
        "entered_at": "2026-05-30T10:00:00Z",
        "entered_by": "Sgt. Lee",
        **changes,
    }


YIELD = {
    "list_id": LIST, "since": None, "hits": 1204, "unverified": 4, "verified": 1200,
    "outcomes": {"correct_read": 900, "misread": 300}, "by_tier": {"high": 1204},
    "enforcement": 12, "results": {"vehicle_recovered": 3}, "correct_share": 0.75,
}  # fmt: skip


@pytest.fixture
def show(show):
    """Have hotlist answer with this, and with a list."""
    show("/lists", {"items": [a_list()]})
    show(f"/lists/{LIST}", a_list())
    show(f"/lists/{LIST}/yield", YIELD)
    page = {"version": 3, "items": [an_entry()], "next": OTHER_HIT}
    show(f"/lists/{LIST}/entries/search", page, method="POST")
    return show


async def test_lists_are_shown_with_source_age_and_size(sign_in, show):
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open("/hotlists")
    said = "Stolen vehicles state 1 d 2 h out of date 12,345 in force , version 3"
    assert said in browser.said
    show("/lists", {"items": [a_list(enabled=False, as_of=None, stale=False, entries=0)]})
    await browser.open("/hotlists")
    assert "no entries yet 0 switched off" in browser.said


async def test_a_list_displays_when_it_counts_as_out_of_date(sign_in, show):
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open(f"/hotlists/{LIST}")
    assert "as of 2026-05-31 10:00:00 UTC ; out of date after 24 hours" in browser.said
    assert "Record kinds switched off parts" in browser.said
    assert "Add an entry" not in browser.said


async def test_entries_are_searched_by_plate_a_page_at_a_time(sign_in, services, show):
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open(f"/hotlists/{LIST}")
    await browser.send(f"/hotlists/{LIST}", plate="7ABC123", record_kind="other", after=HIT)
    [asked] = services.asked("POST", "/entries/search")
    assert json.loads(asked.content) == {
        "plate": "7ABC123", "record_kind": "other", "after": HIT, "limit": 50,
    }  # fmt: skip
    assert (
        "7ABC123 US-CA stolen vehicle Caution: Armed and dangerous Reported stolen 3 June 2019 blue Toyota"
        in browser.said
    )
    assert "CA0520100, 26-001234 2026-07-01 00:00:00 UTC" in browser.said
    assert f'name="after" value="{OTHER_HIT}"' in browser.page.text
    assert f'name="after" value="{HIT}"' not in browser.page.text
    assert "7ABC" not in str(browser.page.url)
    assert "/end" not in browser.page.text, "ending one is for those who manage lists"


async def test_an_entry_leads_to_a_search_for_earlier_reads_of_its_plate(sign_in, show):
    page = {"version": 3, "items": [an_entry(plate="7AB*", partial=True)], "next": None}
    show(f"/lists/{LIST}/entries/search", page, method="POST")
    browser = await sign_in("account:self", "hotlist:read", "record:search")
    await browser.open(f"/hotlists/{LIST}")
    await browser.send(f"/hotlists/{LIST}", plate="7AB*")
    form = re.search(r'action="/search/back">(.*?)</form>', browser.page.text, re.DOTALL)[1]
    sent = re.findall(r'name="(plate|region|lookalike)" value="([^"]*)"', form)
    assert dict(sent) == {"plate": "7AB*", "region": "US-CA"}
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open(f"/hotlists/{LIST}")
    await browser.send(f"/hotlists/{LIST}", plate="7AB*")
    assert "7ABC123" in browser.said, "as it is listed"
    assert "/search/back" not in browser.page.text


async def test_a_refused_lookup_names_its_field(sign_in, services, show):
    services.answers[f"POST /lists/{LIST}/entries/search"] = lambda _: problem(
        422, "A value is not acceptable", "no plate", field="plate"
    )
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open(f"/hotlists/{LIST}")
    answer = await browser.send(f"/hotlists/{LIST}", plate="!")
    assert answer.status_code == 422
    assert "no plate Field: plate" in browser.said
    assert 'value="!"' in answer.text


async def test_an_entry_is_added_with_reason_and_expiry(sign_in, services, show):
    made = {"list_id": LIST, "version": 4, "entry_ids": [ENTRY]}
    show(f"/lists/{LIST}/entries", made, 201, "POST")
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}/new")
    assert '<option value="canvass">' in browser.page.text
    assert '<option value="parts">' not in browser.page.text, "this kind is switched off"
    await browser.send(
        f"/hotlists/{LIST}/new", plate="7AB?1*", record_kind="canvass", reason="Shooting",
        colour="black", year="2019", caution="May be armed", expires_at="2026-06-20T08:00",
    )  # fmt: skip
    [asked] = services.asked("POST", "/entries")
    entry = {
        "plate": "7AB?1*", "record_kind": "canvass", "reason": "Shooting", "colour": "black",
        "year": 2019, "caution": "May be armed",
        "expires_at": "2026-06-20T08:00Z",
    }  # fmt: skip
    assert json.loads(asked.content) == {"entries": [entry]}
    assert browser.page.url.path == f"/hotlists/{LIST}"


async def test_a_refused_entry_names_its_field_and_keeps_what_was_typed(sign_in, services, show):
    services.answers[f"POST /lists/{LIST}/entries"] = lambda _: problem(
        422, "A value is not acceptable", "a partial plate needs one", field="entries.0.expires_at"
    )
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}/new")
    answer = await browser.send(
        f"/hotlists/{LIST}/new", plate="7AB?1*", record_kind="canvass", reason=HOSTILE
    )
    assert answer.status_code == 422
    assert "a partial plate needs one Field: expires at" in browser.said
    assert '<option value="canvass" selected>' in answer.text
    assert HOSTILE not in answer.text


async def test_an_entry_is_ended_with_a_reason(sign_in, services, show):
    show(f"/lists/{LIST}/entries/{ENTRY}/removal", {"list_id": LIST, "version": 4}, method="POST")
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}")
    await browser.send(f"/hotlists/{LIST}")
    assert f'action="/hotlists/{LIST}/entries/{ENTRY}/end"' in browser.page.text
    await browser.send(f"/hotlists/{LIST}/entries/{ENTRY}/end", reason="vehicle recovered")
    [asked] = services.asked("POST", f"{ENTRY}/removal")
    assert json.loads(asked.content) == {"reason": "vehicle recovered"}
    assert browser.page.url.path == f"/hotlists/{LIST}"


async def test_an_entry_that_cannot_be_ended_is_reported_on_its_lists_page(sign_in, services, show):
    services.answers[f"POST /lists/{LIST}/entries/{ENTRY}/removal"] = lambda _: problem(
        404, "Not found", "no such entry in force"
    )
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}")
    answer = await browser.send(f"/hotlists/{LIST}/entries/{ENTRY}/end", reason="recovered")
    assert answer.status_code == 404
    assert "no such entry in force" in browser.said
    assert "Stolen vehicles" in browser.said


async def test_a_person_who_may_not_manage_lists_gets_no_form(sign_in, show):
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open(f"/hotlists/{LIST}/new")
    assert "your role does not let you change the hot lists" in browser.said
    assert 'name="plate"' not in browser.page.text
    await browser.open("/hotlists")
    assert 'href="/hotlists/new"' not in browser.page.text


async def test_all_pages_of_the_lists_are_shown_whatever_purpose_is_declared(
    sign_in, services, show
):
    others = [a_list(list_id=HIT, name="BOLO")]
    pages = {None: {"items": [a_list()], "next": "b"}, "b": {"items": others, "next": None}}
    services.answers["GET /lists"] = lambda asked: httpx.Response(
        200, json=pages[asked.url.params.get("after")]
    )
    browser = await sign_in(*MANAGER, "purpose:declare", "audit:read")
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED | {"kind": "audit"}, back="/hotlists")
    assert "Stolen vehicles" in browser.said
    assert "BOLO" in browser.said
    assert not any("x-alpr-purpose" in asked.headers for asked in services.asked("GET", "/lists"))


@pytest.fixture
async def upload(sign_in, show):
    """Sends a file by the form of its page."""
    browser = await sign_in(*MANAGER)

    async def upload(**fields):
        await browser.open(f"/hotlists/{LIST}/upload")
        browser.page = await browser.http.post(
            f"/hotlists/{LIST}/upload",
            data={"form_token": browser.token(), **fields},
            files={"file": ("list.csv", "plate,record_kind\r\n7ABC123,canvass\r\n", "text/csv")},
            headers={"Origin": browser.origin},
        )
        return browser

    return upload


def a_version(**changes):
    return {
        "list_id": LIST, "version": 4, "state": "draft", "entries": 7, "set_aside": 2,
        "skipped": {"parts": 3}, "regions": [], "as_of": "2026-05-31T08:00:00Z",
        "created_at": "2026-06-01T12:00:00Z", "created_by": "Sgt. Lee", "sha256": "ab" * 32,
        "activated_at": None, "needs_second_word": False, **changes,
    }  # fmt: skip


async def test_a_file_goes_to_hotlist_with_the_time_of_its_source_and_time_to_read_it(
    upload, services, show
):
    show(f"/lists/{LIST}/versions", a_version(), 201, "POST")
    browser = await upload(as_of="2026-05-31T08:00")
    [asked] = services.asked("POST", "/versions")
    assert dict(asked.url.params) == {"activate": "false", "as_of": "2026-05-31T08:00Z"}
    assert asked.headers["content-type"] == "text/csv"
    assert asked.content == b"plate,record_kind\r\n7ABC123,canvass\r\n"
    assert asked.extensions["timeout"]["read"] == 300
    assert "Lines 12 Entries 7 Set aside 2 , 16.67% of the lines" in browser.said
    assert "Left out 3 parts" in browser.said


@pytest.mark.clause("468.4(c)/upload")
async def test_a_file_that_met_a_revoked_token_is_not_sent_again_without_its_lines(
    upload, services, show
):
    services.answers[f"POST /lists/{LIST}/versions"] = lambda _: problem(
        401, "A valid credential is required"
    )
    assert (await upload()).page.status_code == 401
    assert len(services.asked("POST", "/versions")) == 1


async def test_a_refused_file_without_faults_of_lines_has_no_table_of_them(upload, services, show):
    services.answers[f"POST /lists/{LIST}/versions"] = lambda _: problem(
        422, "A value is not acceptable", "not CSV", errors=[{"loc": "body"}]
    )
    browser = await upload()
    assert browser.page.status_code == 422
    assert "not CSV" in browser.said
    assert "<th" not in browser.page.text


SEEN = {"seen_enabled": "yes", "seen_off": "parts", "seen_staleness_hours": "24"}
AS_SEEN = {"enabled": "yes", "off_parts": "yes", "staleness_hours": "24"}


@pytest.mark.parametrize(
    ("typed", "body"),
    [
        ({"enabled": ""}, {"enabled": False}),
        ({"off_lost_plate": "yes"}, {"record_kinds_off": ["lost_plate", "parts"]}),
        ({"off_parts": ""}, {"record_kinds_off": []}),
        ({"staleness_hours": "12"}, {"staleness_hours": 12}),
        ({"staleness_hours": ""}, {"staleness_hours": None}),
    ],
)
async def test_of_a_lists_switches_those_are_sent_that_the_person_changed(
    sign_in, services, show, typed, body
):
    show(f"/lists/{LIST}", a_list(), method="PATCH")
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}/settings")
    for name, value in SEEN.items():
        assert f'name="{name}" value="{value}"' in browser.page.text
    assert 'name="off_parts" value="yes" checked' in browser.page.text
    await browser.send(f"/hotlists/{LIST}/settings", **SEEN | AS_SEEN | typed)
    assert browser.page.url.path == f"/hotlists/{LIST}"
    [asked] = services.asked("PATCH", f"/lists/{LIST}")
    assert json.loads(asked.content) == body


async def test_switches_that_nobody_changed_are_not_sent(sign_in, services, show):
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}/settings")
    await browser.send(f"/hotlists/{LIST}/settings", **SEEN | AS_SEEN)
    assert browser.page.url.path == f"/hotlists/{LIST}"
    assert services.asked("PATCH", f"/lists/{LIST}") == []


async def test_refused_switches_stay_as_they_were_typed(sign_in, services, show):
    services.lenient = True
    services.answers[f"PATCH /lists/{LIST}"] = lambda _: problem(
        422, "Refused", "at most 24 hours", field="body.staleness_hours"
    )
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}/settings")
    typed = SEEN | AS_SEEN | {"staleness_hours": "999", "enabled": "", "off_parts": ""}
    answer = await browser.send(f"/hotlists/{LIST}/settings", **typed, off_lost_plate="yes")
    assert answer.status_code == 422
    assert 'id="staleness_hours-wrong">at most 24 hours' in answer.text
    assert 'name="enabled" value="yes" checked' not in answer.text
    assert 'name="off_lost_plate" value="yes" checked' in answer.text
    assert 'name="off_parts" value="yes" checked' not in answer.text


async def test_a_list_is_withdrawn_with_its_reason_and_a_refusal_says_why(sign_in, services, show):
    show(f"/lists/{LIST}/withdrawal", a_list(active_version=None), method="POST")
    browser = await sign_in(*MANAGER)
    await browser.open(f"/hotlists/{LIST}/settings")
    await browser.send(f"/hotlists/{LIST}/withdrawal", reason="The source ended it")
    assert browser.page.url.path == f"/hotlists/{LIST}"
    [asked] = services.asked("POST", "/withdrawal")
    assert json.loads(asked.content) == {"reason": "The source ended it"}
    show(f"/lists/{LIST}", a_list(active_version=None))
    services.answers[f"POST /lists/{LIST}/withdrawal"] = lambda _: problem(
        409, "Conflict", "no version is in force"
    )
    answer = await browser.send(f"/hotlists/{LIST}/withdrawal", reason="The source ended it")
    assert answer.status_code == 409
    assert browser.said.count("no version is in force") == 1
    assert f'action="/hotlists/{LIST}/withdrawal"' not in answer.text


async def test_the_settings_of_a_list_are_for_who_keeps_lists(sign_in, show):
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open(f"/hotlists/{LIST}")
    assert "/settings" not in browser.page.text
    assert (await browser.open(f"/hotlists/{LIST}/settings")).status_code == 403


async def test_a_list_shows_what_its_hits_came_to_in_30_and_90_days(sign_in, services, show):
    def counted(request):
        since = request.url.params["since"]
        hits = 4 if since.startswith("2026-05-02") else 91
        return httpx.Response(
            200,
            json={
                **NO_OUTCOMES,
                "list_id": LIST,
                "since": since,
                "hits": hits,
                "unverified": 1,
                "outcomes": {"misread": hits - 1},
                "results": {"no_contact": 2},
            },
        )

    services.answers[f"GET /lists/{LIST}/yield"] = counted
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open(f"/hotlists/{LIST}")
    said = (
        "30 days 90 days Hits 4 91 Not verified 1 1 Misread 3 90 No contact made 2 2 A list whose"
    )
    assert said in browser.said
