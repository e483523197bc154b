"""Alerts, hits, purposes and searches as an officer sees them."""

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

import services.console
from services.console.api.pages import age, moment
from services.console.api.stream import ServerSentEvent, events_in
from services.hotlist.domain.problem_codes import Code
from services.hotlist.settings import Settings
from shared.core.problem_codes import Common
from tests.unit.console.conftest import Browser
from tests.unit.console.services import (
    HIT,
    NOTHING_WAITS,
    OTHER_HIT,
    PERSON,
    READ,
    a_hit,
    a_read,
    page_of,
    problem,
)

A_LIST = {
    "list_id": HIT, "name": "Corning BOLO", "agency_ori": "CA0520100", "source": "department", "enabled": True,
    "staleness_hours": 24, "record_kinds_off": [], "active_version": 1, "entries": 2,
    "as_of": "2026-05-31T10:00:00Z", "activated_at": "2026-05-31T10:05:00Z", "stale": False,
    "created_at": "2026-01-01T10:00:00Z", "created_by": "Sgt. Lee",
}  # fmt: skip
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
FOLDER = Path(services.console.__file__).parent
VERIFICATION = {
    "method": "CLETS", "reference": "T26-1", "outcome": "correct_read", "note": None,
    "at": "2026-06-01T12:00:00+00:00", "by": PERSON,
}  # fmt: skip
DECLARED = {
    "kind": "criminal_investigation", "offence_type": "burglary", "case_number": "26-0117",
    "justification": "blue sedan left the burglary on Solano Street",
}  # fmt: skip


def brief(**changes):
    """Return a hit as lists and the stream show it."""
    hit = a_hit(**changes)
    for name in ("twins", "verification", "dispositions", "sightings_seen"):
        del hit[name]
    return hit


@pytest.fixture
def hits(services):
    services.answers["GET /hits"] = lambda _: httpx.Response(
        200, json={"items": [brief()], "next": None}
    )
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit())


def streamed(*events):
    text = "".join(events)
    return lambda _: httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def alert(**changes):
    hit = brief(**changes)
    return f"id: {hit['seq']}\nevent: alert\ndata: {json.dumps(hit)}\n\n"


async def test_an_alert_displays_unverified_and_the_facts_needed_before_acting(officer, hits):
    await officer.open("/alerts")
    said = officer.said
    assert "UNVERIFIED" in said
    for told in (
        "Stolen vehicles (state), version 3",
        "List age 1 d 1 h",
        "high priority",
        "character 7 read as B, listed as 8",
        "the state was not read",
        "2026-06-01 11:59:00 UTC",
    ):
        assert told in said, told
    assert f'src="/hits/{HIT}/crop?link_token=a.1.b"' in officer.page.text


@pytest.mark.parametrize("old", [True, False])
async def test_a_hit_of_an_old_list_or_an_old_picture_says_so(officer, services, old):
    hit = brief(list_stale=old, late=old)
    services.answers["GET /hits"] = lambda _: httpx.Response(
        200, json={"items": [hit], "next": None}
    )
    await officer.open("/alerts/late")
    assert ("List age 1 d 1 h out of date" in officer.said) is old
    assert ("late: the picture was old when the system raised this hit" in officer.said) is old


@pytest.mark.parametrize("path", ["/alerts", f"/hits/{HIT}"])
async def test_the_caution_of_the_entering_agency_is_what_a_card_says_first(
    officer, services, path
):
    hit = a_hit(entry={**a_hit()["entry"], "caution": "ARMED <b>& dangerous"})
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=hit)
    services.answers["GET /hits"] = page_of({name: hit[name] for name in brief()})
    await officer.open(path)
    [card] = re.findall("<article.*?</article>", officer.page.text, re.DOTALL)
    said = " ".join(re.sub("<[^>]+>", " ", card).split())
    assert said.startswith(
        "Caution by the entering agency, CA0520000, for the vehicle as listed: ARMED &lt;b&gt;&amp; dangerous"
        " UNVERIFIED"
    )


async def test_a_card_without_a_caution_says_nothing_of_one_and_has_the_year(officer, hits):
    await officer.open("/alerts")
    assert "Caution" not in officer.said
    assert "Listed vehicle 2019 blue Toyota" in officer.said


async def test_a_verified_hit_no_longer_says_unverified(officer, services):
    whole = a_hit(status="verified", outcome="misread", notice=None, verification=VERIFICATION)
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=whole)
    await officer.open(f"/hits/{HIT}")
    assert "UNVERIFIED" not in officer.page.text
    assert "Verified: misread" in officer.said


A_PERSON_CONFIRMS = {
    "hold.html", "hold_parts.html", "new_hold.html", "person.html", "person_roles.html", "reviews.html",
}  # fmt: skip
"""Pages on which people confirm holds and rights; no hit is ever confirmed."""


@pytest.mark.parametrize(
    "file",
    sorted(f for f in (FOLDER / "templates").iterdir() if f.name not in A_PERSON_CONFIRMS),
    ids=lambda f: f.name,
)
def test_no_page_contains_the_word_confirm(file):
    assert "confirm" not in file.read_text().casefold()


async def test_the_stream_brings_each_alert_as_a_card_with_its_number(officer, services):
    services.answers["GET /alerts"] = streamed(
        "retry: 1000\nid: 16\nevent: ready\ndata: 16\n\n",
        ": heartbeat\n\n",
        alert(),
        'event: end\ndata: {"code": "token_expired", "detail": "the token has expired"}\n\n',
    )
    answer = await officer.open("/alerts/stream?after=16", headers={"Last-Event-ID": "14"})
    [asked] = services.asked("GET", "/alerts")
    assert asked.headers["last-event-id"] == "14"
    assert asked.extensions["timeout"]["read"] == 60, "hotlist sends a heartbeat more often"
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [e async for e in events_in(lines(answer.text)) if e.name]
    assert [(e.name, e.event_id) for e in events] == [
        ("ready", "16"),
        ("alive", ""),  # hotlist's heartbeat, which a script cannot see as a comment
        ("alert", "17"),
        ("end", ""),
    ]
    assert json.loads(events[3].data)["code"] == "token_expired"
    assert "UNVERIFIED" in events[2].data
    assert f'href="/hits/{HIT}"' in events[2].data


def test_the_alerts_page_detects_a_silent_link_within_15_s():
    """The script checks once a second; three heartbeats may be lost before it calls the link dead."""
    script = (FOLDER / "static" / "alerts.js").read_text()
    [limit_ms] = re.findall(r"const SILENT_AT_MOST_MS = (\d+);", script)
    heartbeat_s = Settings.model_fields["hotlist_heartbeat_s"].default
    assert 3 * heartbeat_s <= int(limit_ms) / 1000 <= 15 - 2
    assert '"alive"' in script
    assert "setInterval(watchLink, 1000);" in script


async def test_the_stream_says_while_the_account_cannot_be_checked(officer, services):
    said = '{"detail":"no updates of accounts since 21:30:00 UTC; ends at 21:32:00"}'
    services.answers["GET /alerts"] = streamed(f"event: unchecked\ndata: {said}\n\n")
    answer = await officer.open("/alerts/stream")
    assert f"event: unchecked\ndata: {said}\n\n" in answer.text
    script = await officer.open("/static/alerts.js")
    assert 'addEventListener("unchecked"' in script.text


async def test_a_stream_begins_after_the_newest_alert_on_the_page(officer, services):
    listed = [brief(seq=12, hit_id=OTHER_HIT), brief(), brief(seq=9, hit_id=READ)]
    services.answers["GET /hits"] = lambda _: httpx.Response(
        200, json={"items": listed, "next": None}
    )
    page = await officer.open("/alerts")
    assert 'data-after="17"' in page.text
    services.answers["GET /alerts"] = streamed()
    await officer.open("/alerts/stream?after=17")
    [asked] = services.asked("GET", "/alerts")
    assert asked.headers["last-event-id"] == "17"


async def test_late_hits_have_a_page_of_their_own(officer, services, hits):
    await officer.open("/alerts")
    await officer.open("/alerts/late?after=MTc")
    alerts, late = services.asked("GET", "/hits")
    assert dict(alerts.url.params) == {"limit": "20", "late": "false"}
    assert dict(late.url.params) == {"limit": "20", "late": "true", "after": "MTc"}
    assert "so the system sent no alert" in officer.said


async def test_hits_before_the_newest_are_reached_page_by_page(officer, services):
    services.answers["GET /hits"] = lambda request: (
        page_of(brief(hit_id=OTHER_HIT))
        if request.url.params.get("after") == "MTc"
        else page_of(brief(), after="MTc")
    )(request)
    await officer.open("/alerts")
    assert OTHER_HIT not in officer.page.text
    assert 'href="/alerts/older?after=MTc"' in officer.page.text
    await officer.open("/alerts/older?after=MTc")
    assert f'href="/hits/{OTHER_HIT}"' in officer.page.text
    assert "/alerts/older?after" not in officer.page.text, "there are none before these"
    asked = services.asked("GET", "/hits")[-1].url.params
    assert dict(asked) == {"limit": "20", "late": "false", "after": "MTc"}


async def lines(text):
    for line in text.splitlines():
        yield line


async def test_a_refused_stream_reports_the_reason(officer, services):
    lapsed = "training lapsed on 2026-05-31 (policy 468.4(d))"
    services.answers["GET /alerts"] = lambda _: problem(
        403, "Not permitted", lapsed, code="training_lapsed"
    )
    answer = await officer.open("/alerts/stream")
    [end] = [e async for e in events_in(lines(answer.text)) if e.name]
    assert (end.name, json.loads(end.data)) == (
        "end",
        {"code": "training_lapsed", "detail": lapsed},
    )


async def test_a_stream_that_loses_its_service_ends_with_a_code(officer, services):
    async def cut():
        yield b"id: 16\nevent: ready\ndata: 16\n\n"
        raise httpx.ReadError("cut")

    services.answers["GET /alerts"] = lambda _: httpx.Response(
        200, content=cut(), headers={"content-type": "text/event-stream"}
    )
    answer = await officer.open("/alerts/stream")
    [_, end] = [e async for e in events_in(lines(answer.text)) if e.name]
    assert (end.name, json.loads(end.data)["code"]) == ("end", "unavailable")


def test_the_alerts_page_handles_the_codes_with_which_hotlist_ends_streams():
    script = (FOLDER / "static" / "alerts.js").read_text()
    ends = set(re.findall(r'problem\.code === "(\w+)"', script))
    assert ends == {Common.TOKEN_EXPIRED.code, Code.ALERT_STREAM_REPLACED.code}


async def test_a_stream_ends_when_the_page_is_not_used(officer, services, clock):
    clock.advance(minutes=29)

    async def alerts():
        for _ in range(2):
            yield alert().encode()

    given = httpx.Response(200, content=alerts(), headers={"content-type": "text/event-stream"})
    services.answers["GET /alerts"] = lambda _: (clock.advance(minutes=1), given)[1]
    answer = await officer.open("/alerts/stream")
    [end] = [e async for e in events_in(lines(answer.text)) if e.name]
    assert (end.name, json.loads(end.data)["code"]) == ("signed-out", "session_idle")
    assert "UNVERIFIED" not in answer.text
    assert given.is_closed, "hotlist counts the streams of an account"


async def test_a_stream_goes_on_while_its_person_uses_another_page(app, officer, services, clock):
    other = Browser(app)
    other.http.cookies = officer.http.cookies

    async def slow():
        yield b"id: 16\nevent: ready\ndata: 16\n\n"
        clock.advance(minutes=20)
        await other.open("/")
        clock.advance(minutes=20)
        yield alert().encode()

    services.answers["GET /alerts"] = lambda _: httpx.Response(
        200, content=slow(), headers={"content-type": "text/event-stream"}
    )
    answer = await officer.open("/alerts/stream")
    assert [e.name async for e in events_in(lines(answer.text)) if e.name] == ["ready", "alert"]


async def test_a_stream_of_an_ended_session_ends_the_session_in_its_browser(officer, services):
    services.closed = True
    answer = await officer.open("/alerts/stream")
    [end] = [e async for e in events_in(lines(answer.text)) if e.name]
    assert (end.name, json.loads(end.data)["code"]) == ("signed-out", "session_over")
    assert "__Host-plateward_session" not in officer.http.cookies


def test_a_line_break_in_data_cannot_forge_an_event():
    assert ServerSentEvent("alert", "a\n\nevent: x", "1").encode() == (
        b"id: 1\nevent: alert\ndata: a\ndata: \ndata: event: x\n\n"
    )


async def test_hostile_text_is_shown_and_never_run(officer, services):
    entry = a_hit()["entry"] | {"reason": HOSTILE, "make": HOSTILE}
    hostile = {
        "entry": entry, "list_name": HOSTILE, "device_name": HOSTILE, "plate_read": HOSTILE,
        "warnings": [{"code": "x", "text": HOSTILE}],
    }  # fmt: skip
    disposition = {
        "result": "other", "disposition": HOSTILE, "enforcement": True, "unverified_reason": HOSTILE,
        "at": "2026-06-01T12:00:00+00:00", "by": PERSON | {"name": HOSTILE},
    }  # fmt: skip
    hostile["acknowledgements"] = [{"at": disposition["at"], "by": disposition["by"]}]
    whole = a_hit(**hostile, dispositions=[disposition])
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=whole)
    services.answers["GET /alerts"] = streamed(alert(**hostile))
    for path in (f"/hits/{HIT}", "/alerts/stream"):
        text = (await officer.open(path)).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text


async def test_a_verification_is_recorded_with_method_reference_and_outcome(
    officer, services, hits
):
    services.answers[f"POST /hits/{HIT}/verification"] = lambda _: httpx.Response(
        200, json=a_hit(status="verified", outcome="correct_read", verification=VERIFICATION)
    )
    await officer.open(f"/hits/{HIT}")
    await officer.send(f"/hits/{HIT}/verification", reference="T26-1", outcome="correct_read")
    [asked] = services.asked("POST", "/verification")
    assert json.loads(asked.content) == {
        "method": "CLETS",
        "reference": "T26-1",
        "outcome": "correct_read",
    }


async def test_enforcement_without_a_reason_is_refused_and_keeps_the_input(officer, services, hits):
    words = "enforcement on a hit that was not verified is recorded only with a stated reason"
    services.answers[f"POST /hits/{HIT}/disposition"] = lambda _: problem(
        422, "A value is not acceptable", words, field="unverified_reason"
    )
    await officer.open(f"/hits/{HIT}")
    answer = await officer.send(
        f"/hits/{HIT}/disposition", disposition=f"stopped {HOSTILE}", enforcement="yes"
    )
    assert answer.status_code == 422
    assert words in officer.said
    assert 'value="stopped &lt;script&gt;' in officer.page.text
    [asked] = services.asked("POST", "/disposition")
    assert json.loads(asked.content)["enforcement"] is True


async def test_a_crop_is_forwarded_only_if_it_is_a_picture(officer, services):
    jpeg = httpx.Response(200, content=b"\xff\xd8", headers={"Content-Type": "image/jpeg"})
    page = httpx.Response(200, text="<script>", headers={"Content-Type": "text/html"})
    text = httpx.Response(200, text="{}", headers={"Content-Type": "text/json"})
    services.answers[f"GET /hits/{HIT}/crop"] = lambda _: jpeg
    services.answers[f"GET /hits/{OTHER_HIT}/crop"] = lambda _: page
    services.answers[f"GET /hits/{READ}/crop"] = lambda _: text
    answer = await officer.open(f"/hits/{HIT}/crop")
    assert (answer.content, answer.headers["content-type"]) == (b"\xff\xd8", "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await officer.open(f"/hits/{OTHER_HIT}/crop")).status_code == 502
    assert (await officer.open(f"/hits/{READ}/crop")).status_code == 502


async def test_what_is_wrong_is_in_view_whichever_field_is_at_fault(officer, services, hits):
    await officer.open(f"/hits/{HIT}")
    assert "autofocus" not in officer.page.text
    path, form = f"/hits/{HIT}/disposition", {"disposition": "stopped", "enforcement": "yes"}
    for field, focus in (
        ("body.unverified_reason", r'<input id="unverified_reason"[^>]* autofocus'),
        ("body.enforcement", r'<div class="fault" role="alert" tabindex="-1" autofocus>'),
        (None, r'<div class="fault" role="alert" tabindex="-1" autofocus>'),
    ):
        refused = problem(422, "Not acceptable", "say why", field=field)
        services.answers[f"POST {path}"] = lambda _, refused=refused: refused
        typed = '" autofocus' if field is None else "stopped"
        await officer.send(path, **form | {"disposition": typed})
        assert re.search(focus, officer.page.text), field
        assert officer.page.text.count('" autofocus') == 1, field


@pytest.mark.clause("468.3/pages")
@pytest.mark.parametrize(
    ("permission", "offered"),
    [
        ("hit:read", []),
        ("alert:receive", ["acknowledgement"]),
        ("hit:verify", ["verification"]),
        ("hit:dispose", ["disposition"]),
    ],
)
async def test_a_hit_offers_its_forms_to_people_who_may_send_them(
    sign_in, hits, permission, offered
):
    browser = await sign_in("account:self", "hit:read", permission)
    await browser.open(f"/hits/{HIT}")
    assert re.findall(rf'action="/hits/{HIT}/(\w+)"', browser.page.text) == offered
    assert ("This hit is not verified yet." in browser.said) is ("verification" not in offered)


async def test_a_hit_displays_why_somebody_acted_on_it_before_it_was_verified(officer, services):
    acted = {
        "result": "other", "disposition": "stopped", "enforcement": True, "unverified_reason": "the driver fled",
        "at": "2026-06-01T12:00:00+00:00", "by": PERSON,
    }  # fmt: skip
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(
        200, json=a_hit(dispositions=[acted, acted | {"unverified_reason": None}])
    )
    await officer.open(f"/hits/{HIT}")
    assert "Reason for acting on an unverified hit the driver fled By Ola Lindqvist" in officer.said
    assert "Enforcement action yes By Ola Lindqvist" in officer.said, "the other has no reason"


async def test_a_hit_that_is_not_verified_displays_the_notice_of_its_service(officer, services):
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(
        200, json=a_hit(notice="Confirm by CLETS before any action.")
    )
    await officer.open(f"/hits/{HIT}")
    assert "Confirm by CLETS before any action." in officer.said


async def test_a_hit_whose_read_was_destroyed_says_when(officer, services):
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(
        200, json=a_hit(purged_at="2026-06-01T11:00:00+00:00")
    )
    await officer.open(f"/hits/{HIT}")
    assert "destroyed the data of this read at 2026-06-01 11:00:00 UTC" in officer.said


async def test_a_whole_picture_has_a_page_with_the_way_back(officer, hits):
    await officer.open(f"/hits/{HIT}")
    assert f'href="/hits/{HIT}/picture"' in officer.page.text
    assert "of US-CA · state not read" in officer.said
    await officer.open(f"/hits/{HIT}/picture")
    assert "Whole picture of 7ABC12B" in officer.said
    assert f'<img id="picture" src="/hits/{HIT}/image"' in officer.page.text
    assert f'href="/hits/{HIT}">Back to the hit' in officer.page.text
    assert "<svg" not in officer.page.text, "the camera did not tell where the plate is"


async def test_the_whole_picture_of_a_hit_has_a_box_around_the_plate(officer, services):
    box = {"x_px": 120, "y_px": 75, "width_px": 240, "height_px": 120}
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit(box=box))
    await officer.open(f"/hits/{HIT}/picture")
    assert '<rect x="120" y="75" width="240" height="120"/>' in officer.page.text


@pytest.fixture
async def searcher(officer, services, clock):
    """An officer with a declared purpose."""
    taken = {
        "purpose_id": READ, "purpose_token": "purpose-token",
        "expires_at": f"{clock.now().replace(hour=13).isoformat()}",
    }  # fmt: skip
    services.answers["POST /purposes"] = lambda _: httpx.Response(201, json=taken)
    services.answers["POST /reads/search"] = lambda _: httpx.Response(
        200, json={"items": [a_read()], "next": "more"}
    )
    await officer.open("/search")
    await officer.open(officer.page.headers["location"])
    assert "Declare a purpose" in officer.said
    await officer.send("/purpose", **DECLARED)
    assert "Search the records" in officer.said
    return officer


async def test_a_search_carries_the_purpose_that_was_declared_first(searcher, services):
    window = {"captured_from": "2026-05-30T21:30", "captured_to": "2026-05-30T23:00"}
    await searcher.send(
        "/search", plate="7AB?1*", latitude="39.9", longitude="-122.1", radius_m="400", **window
    )
    [asked] = services.asked("POST", "/reads/search")
    assert asked.headers["x-alpr-purpose"] == "purpose-token"
    assert json.loads(asked.content) == {
        "plate": "7AB?1*",
        "captured_from": "2026-05-30T21:30Z",
        "captured_to": "2026-05-30T23:00Z",
        "area": {"latitude": 39.9, "longitude": -122.1, "radius_m": 400.0},
        "limit": 50,
        "lookalike": False,
    }
    assert "7ABC128" in searcher.said
    assert f'src="/reads/{READ}/crop?link_token=a.1.b"' in searcher.page.text
    assert 'name="after" value="more"' in searcher.page.text
    assert "7AB" not in str(searcher.page.url)
    await searcher.send("/search", plate="7AB?1*", after="more", **window)
    assert json.loads(services.asked("POST", "/reads/search")[-1].content)["after"] == "more"


async def test_a_search_goes_on_and_is_saved_with_all_its_conditions(sign_in, services, clock):
    taken = {
        "purpose_id": READ, "purpose_token": "purpose-token",
        "expires_at": f"{clock.now().replace(hour=13).isoformat()}",
    }  # fmt: skip
    services.answers["POST /purposes"] = lambda _: httpx.Response(201, json=taken)
    services.answers["POST /reads/search"] = lambda _: httpx.Response(
        200, json={"items": [a_read()], "next": "more"}
    )
    searcher = await sign_in("account:self", "purpose:declare", "record:search", "record:export")
    await searcher.open("/purpose?back=/search")
    await searcher.send("/purpose", back="/search", **DECLARED)
    typed = {
        "plate": "7AB?1*", "region": "CA", "colour": "grey", "make": "Toyota", "described_only": "yes", "lookalike": "yes",
        "latitude": "39.9", "longitude": "-122.1", "radius_m": "400", **WINDOW,
    }  # fmt: skip
    await searcher.send("/search", **typed, count="yes")
    assert "Found: 1 read on this page" in searcher.said
    assert re.search(r'name="described_only" value="yes" checked', searcher.page.text)
    forms = re.findall(
        r'<form [^>]*action="/search"[^>]*>(.*?)</form>', searcher.page.text, re.DOTALL
    )
    hidden = [
        dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)) for form in forms
    ]
    for form in hidden:
        form.pop("form_token")
    typed = {name: html.unescape(value) for name, value in typed.items()}
    assert hidden == [{}, typed | {"after": "more"}, typed]


async def test_what_a_person_leaves_empty_is_no_condition(searcher, services):
    empty = dict.fromkeys(("plate", "region", "latitude", "longitude", "radius_m"), "")
    await searcher.send("/search", **empty, **WINDOW)
    [asked] = services.asked("POST", "/reads/search")
    assert json.loads(asked.content).keys() == {*WINDOW, "limit", "lookalike"}


def test_times_are_shown_in_utc_and_none_lies_ahead():
    assert ">2026-06-01 12:00:00 UTC</time>" in moment("2026-06-01T14:00:00+02:00")
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert age("2026-06-01T11:58:30Z", now) == "1 min 30 s"
    assert age("2026-06-01T12:00:05Z", now) == "0 s", "clocks differ"


async def test_the_whole_picture_of_a_read_has_a_box_around_the_plate(searcher, services):
    box = {"x_px": 120, "y_px": 75, "width_px": 240, "height_px": 120}
    services.answers["POST /reads/search"] = lambda _: httpx.Response(
        200, json={"items": [a_read(has_image=True, capture_id=READ)], "next": None}
    )
    services.answers[f"GET /reads/{READ}"] = lambda _: httpx.Response(
        200, json=a_read(has_image=True, capture_id=READ, box=box)
    )
    await searcher.send("/search", plate="7AB?1*", **WINDOW)
    assert f'href="/reads/{READ}/picture"' in searcher.page.text
    await searcher.open(f"/reads/{READ}/picture")
    assert f'src="/captures/{READ}/image"' in searcher.page.text
    assert '<rect x="120" y="75" width="240" height="120"/>' in searcher.page.text
    assert 'href="/search">Back to the search' in searcher.page.text


@pytest.mark.parametrize("path", [f"/reads/{READ}/crop", f"/hits/{HIT}/crop"])
async def test_a_picture_is_fetched_by_the_link_that_its_page_offered(searcher, services, path):
    services.answers[f"GET {path}"] = lambda _: httpx.Response(
        200, content=b"\x89PNG", headers={"Content-Type": "image/png"}
    )
    answer = await searcher.open(f"{path}?link_token=a.1.b")
    assert answer.content == b"\x89PNG"
    [asked] = services.asked("GET", "/crop")
    assert dict(asked.url.params) == {"link_token": "a.1.b"}


async def test_a_search_page_names_the_region_it_used_for_a_short_state(searcher, services):
    services.answers["POST /reads/search"] = lambda _: httpx.Response(
        200, json={"items": [], "next": None, "region": "US-CA", "taken_from": "CA"}
    )
    window = {"captured_from": "2026-05-30T21:30", "captured_to": "2026-05-30T23:00"}
    await searcher.send("/search", plate="7AB?1*", region="ca", **window)
    assert "The search read “CA” as US-CA." in searcher.said


WINDOW = {"captured_from": "2026-05-30T21:30", "captured_to": "2026-05-30T23:00"}


async def test_a_page_that_ended_at_its_time_limit_displays_its_progress_and_continues(
    searcher, services
):
    part = {"items": [], "next": "more", "searched_from": "2026-05-30T22:15:00Z"} | {
        "captured_from": "2026-05-02T00:00:00Z", "captured_to": "2026-05-31T00:00:00Z",
    }  # fmt: skip
    services.answers["POST /reads/search"] = lambda _: httpx.Response(200, json=part)
    await searcher.send("/search", plate="7AB?1*", count="yes", **WINDOW)
    assert "None found yet: searched back to 2026-05-30 22:15:00 UTC" in searcher.said
    assert "Searched from 2026-05-02 00:00:00 UTC to 2026-05-31 00:00:00 UTC" in searcher.said
    assert "No read in this window matches" not in searcher.said
    assert 'name="after" value="more"' in searcher.page.text
    assert "<button>Go on</button>" in searcher.page.text


async def test_the_result_of_a_search_has_the_focus(searcher):
    await searcher.send("/search", plate="7AB?1*", **WINDOW)
    assert '<h2 id="found" tabindex="-1" autofocus>' in searcher.page.text


@pytest.mark.parametrize(
    ("at_least", "said"), [(False, "In all: 1,204 reads."), (True, "In all: at least 1,204 reads.")]
)
async def test_reads_are_counted_when_asked(searcher, services, at_least, said):
    count = {"value": 1204, "at_least": at_least}
    page = {"items": [a_read()], "next": "more", "count": count}
    services.answers["POST /reads/search"] = lambda _: httpx.Response(200, json=page)
    await searcher.send("/search", plate="7AB?1*", count="yes", **WINDOW)
    assert json.loads(services.asked("POST", "/reads/search")[0].content)["count"] is True
    assert said in searcher.said


async def test_all_reads_that_match_are_saved_as_a_file(searcher, services):
    services.answers["POST /reads/export"] = lambda _: httpx.Response(
        200, content=b"plate\r\n7ABC128\r\n", headers={"Content-Type": "text/csv; charset=utf-8"}
    )
    await searcher.send("/search", plate="7AB?1*", **WINDOW)
    answer = await searcher.send("/search", plate="7AB?1*", format="csv", count="yes", **WINDOW)
    assert answer.headers["content-disposition"] == 'attachment; filename="reads.csv"'
    assert answer.content == b"plate\r\n7ABC128\r\n"
    [asked] = services.asked("POST", "/reads/export")
    assert asked.headers["x-alpr-purpose"] == "purpose-token"
    body = json.loads(asked.content)
    assert (body["plate"], body["format"]) == ("7AB?1*", "csv")
    assert not {"limit", "count"} & body.keys()


async def test_a_file_that_breaks_off_is_an_error_and_frees_its_connection(searcher, services):
    async def half():
        yield b"plate\r\n"
        raise httpx.ReadError("broken off")

    given = httpx.Response(200, content=half(), headers={"Content-Type": "text/csv"})
    services.answers["POST /reads/export"] = lambda _: given
    await searcher.send("/search", plate="7AB?1*", **WINDOW)
    with pytest.raises(httpx.ReadError):
        await searcher.send("/search", plate="7AB?1*", format="csv", **WINDOW)
    assert given.is_closed


async def test_a_file_has_the_pages_before_this_one_too(sign_in, services):
    services.answers["POST /reads/search"] = lambda _: httpx.Response(
        200, json={"items": [a_read()], "next": "more"}
    )
    browser = await sign_in("account:self", "purpose:declare", "record:search", "record:export")
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED)
    await browser.send("/search", plate="7AB?1*", after="first", **WINDOW)
    [form] = re.findall(r'<form class="inline"(.*?)</form>', browser.page.text, re.DOTALL)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert {name: hidden[name] for name in hidden if name != "form_token"} == {
        "plate": "7AB?1*", **WINDOW,
    }  # fmt: skip


async def test_a_file_is_offered_to_people_who_may_save_one(searcher, services):
    assert "record:export" not in services.permissions
    await searcher.send("/search", plate="7AB?1*", **WINDOW)
    assert "Save the file" not in searcher.said


DOUBTED = {
    "misread_risk": 0.004,
    "pass_agrees": False,
    "alternatives": [
        {"plate": "7ABC128", "probability": 0.71},
        {"plate": "7A8C128", "probability": 0.2},
        {"plate": "7ABC12B", "probability": 0.049},
    ],
}


@pytest.mark.parametrize(("late", "said"), [(True, True), (False, False), (None, False)])
async def test_a_late_read_is_shown_as_late(searcher, services, late, said):
    page = {"items": [a_read(late=late)], "next": None}
    window = {"captured_from": "2026-05-30T21:30", "captured_to": "2026-05-30T23:00"}
    services.answers["POST /reads/search"] = lambda _: httpx.Response(200, json=page)
    await searcher.send("/search", plate="7AB?1*", **window)
    assert ("late: arrived" in searcher.said) is said


async def test_a_read_is_displayed_with_its_risk_alternatives_and_dissent(searcher, services):
    services.answers["POST /reads/search"] = lambda _: httpx.Response(
        200, json={"items": [a_read(**DOUBTED)], "next": None}
    )
    window = {"captured_from": "2026-05-30T21:30", "captured_to": "2026-05-30T23:00"}
    await searcher.send("/search", plate="7AB?1*", **window)
    assert "risk of a misread 1%" in searcher.said, "a risk is rounded up"
    assert "or 7A8C128 (20%), 7ABC12B (4%)" in searcher.said
    assert "most frames of this vehicle read another plate" in searcher.said


async def test_a_read_of_an_engine_without_risks_is_displayed_without_a_risk(searcher):
    window = {"captured_from": "2026-05-30T21:30", "captured_to": "2026-05-30T23:00"}
    await searcher.send("/search", plate="7AB?1*", **window)
    assert "7ABC128" in searcher.said
    assert "misread" not in searcher.said
    assert "most frames" not in searcher.said


async def test_a_prohibited_purpose_is_refused_with_its_citation(officer, services):
    words = "immigration enforcement is a prohibited purpose (Government Code 7284.6)"
    services.answers["POST /purposes"] = lambda _: problem(
        403, "Not permitted", words, field="kind"
    )
    await officer.open("/purpose")
    answer = await officer.send("/purpose", **{**DECLARED, "kind": "immigration_enforcement"})
    assert answer.status_code == 403
    assert words in officer.said
    assert "immigration_enforcement" not in officer.page.text.partition("Never a purpose")[0]


async def test_a_refused_search_displays_the_services_message(searcher, services):
    words = "training lapsed on 2026-05-31 (policy 468.4(d))"
    services.answers["POST /reads/search"] = lambda _: problem(403, "Not permitted", words)
    answer = await searcher.send(
        "/search", captured_from="2026-05-30T21:30", captured_to="2026-05-30T23:00"
    )
    assert answer.status_code == 403
    assert words in searcher.said


async def test_a_refused_page_still_displays_the_signed_in_person(officer, services):
    lapsed = "training lapsed on 2026-05-31 (policy 468.4(d))"
    services.answers["GET /hits"] = lambda _: problem(403, "Not permitted", lapsed)
    answer = await officer.open("/alerts")
    assert answer.status_code == 403
    assert lapsed in officer.said
    assert "Ola Lindqvist , Police Officer Sign out" in officer.said


async def test_an_expired_purpose_is_declared_again(searcher, clock):
    for _ in range(3):
        clock.advance(minutes=20)
        await searcher.open("/")
    assert (await searcher.open("/search")).headers["location"] == "/purpose"


async def test_a_purpose_of_another_session_is_ignored(searcher, services):
    cookie = searcher.http.cookies["__Host-plateward_purpose"]
    await searcher.send("/sign-out")
    services.tokens_for = OTHER_HIT
    await searcher.send("/sign-in", username="o.lindqvist", password="right words", totp="123456")
    searcher.http.cookies.set(
        "__Host-plateward_purpose", cookie, domain="alpr.example.org", path="/"
    )
    assert (await searcher.open("/search")).headers["location"] == "/purpose"


async def test_only_purposes_that_open_something_for_the_person_are_offered(officer, sign_in):
    offered = (await officer.open("/purpose")).text.partition("Never a purpose")[0]
    assert 'value="criminal_investigation"' in offered
    for other in ("audit", "release", "system_maintenance"):
        assert f'value="{other}"' not in offered
    auditor = await sign_in("account:self", "purpose:declare", "audit:read")
    offered = (await auditor.open("/purpose")).text.partition("Never a purpose")[0]
    assert 'value="audit"' in offered
    assert 'value="criminal_investigation"' not in offered


async def test_a_purpose_that_does_not_open_searches_is_declared_anew(searcher, services):
    await searcher.open("/purpose")
    await searcher.send("/purpose", **{**DECLARED, "kind": "audit"})
    assert (await searcher.open("/search")).headers["location"] == "/purpose"
    await searcher.open("/purpose")
    for more in ({}, {"format": "csv"}):
        await searcher.send("/search", plate="7ABC128", **WINDOW, **more)
        assert searcher.page.url.path == "/purpose"
    assert not [r for r in services.seen if r.url.host == "retention"]
    await searcher.send("/purpose", **DECLARED)
    assert (await searcher.open("/search")).status_code == 200


@pytest.mark.clause("468.4(a)/waiting")
async def test_the_alerts_say_what_waits_and_from_when_on_a_purpose_is_needed(officer, services):
    tiers = [{"tier": "high", "count": 2, "oldest_at": "2026-05-31T10:00:00Z"}]
    waiting = {"count": 2, "oldest_at": "2026-05-31T10:00:00Z", "tiers": tiers,
               "unanswered": 0, "unanswered_since": None, "listed_by_me": 0}  # fmt: skip
    page = {"items": [a_hit()], "next": None, "captured_since": "2026-06-01T00:00:00Z"}
    services.answers["GET /hits/waiting"] = lambda _: httpx.Response(200, json=waiting)
    services.answers["GET /hits"] = lambda _: httpx.Response(200, json=page)
    await officer.open("/alerts")
    assert "Not verified: 2 of high priority, the oldest 1 d 2 h old." in officer.said
    assert "captured before 2026-06-01 00:00:00 UTC need a purpose" in officer.said
    assert 'href="/purpose?back=/alerts"' in officer.page.text
    services.answers["GET /hits/waiting"] = lambda _: httpx.Response(200, json=NOTHING_WAITS)
    await officer.open("/alerts")
    assert "No hit waits to be verified." in officer.said
    await officer.open("/alerts/late")
    assert 'href="/purpose?back=/alerts/late"' in officer.page.text


@pytest.mark.clause("468.4(a)/asked-for")
@pytest.mark.parametrize("code", ["purpose_missing", "purpose_missing_for"])
async def test_an_old_hit_and_its_forms_and_pictures_ask_for_a_purpose(officer, services, code):
    missing = problem(403, "Not permitted", "needs a declared purpose", code=code, params={})
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit())
    await officer.open(f"/hits/{HIT}")
    asked = f"/purpose?back=%2Fhits%2F{HIT}"
    services.answers[f"POST /hits/{HIT}/verification"] = lambda _: missing
    await officer.send(f"/hits/{HIT}/verification", reference="T26-1", outcome="correct_read")
    assert str(officer.page.url).endswith(asked)
    for path in ("", "/crop", "/image"):
        services.answers[f"GET /hits/{HIT}{path}"] = lambda _: missing
        answer = await officer.open(f"/hits/{HIT}{path}")
        assert (answer.status_code, answer.headers["location"]) == (303, asked)


@pytest.mark.clause("468.4(a)/asked-for")
@pytest.mark.parametrize(
    ("code", "params"),
    [("purpose_scope_exceeded", {}), ("permission_missing", {"permission": "hit:read"})],
)
async def test_another_refusal_does_not_ask_for_a_purpose(officer, services, code, params):
    refused = problem(403, "Not permitted", "no purpose helps", code=code, params=params)
    services.answers[f"GET /hits/{HIT}"] = lambda _: refused
    assert (await officer.open(f"/hits/{HIT}")).status_code == 403


@pytest.mark.parametrize(
    ("kind", "sent"), [("system_maintenance", None), ("stolen_plate", "purpose-token")]
)
async def test_only_a_purpose_that_opens_hits_is_sent_with_patrol_requests(
    officer, services, hits, kind, sent
):
    await officer.open("/purpose")
    await officer.send("/purpose", **{**DECLARED, "kind": kind})
    services.seen.clear()
    for page in ("/alerts", "/alerts/late", f"/hits/{HIT}"):
        assert (await officer.open(page)).status_code == 200, page
    asked = [r for r in services.seen if r.url.host == "hotlist"]
    assert len(asked) >= 4
    assert {request.headers.get("X-ALPR-Purpose") for request in asked} == {sent}


@pytest.fixture
async def lister(sign_in, services):
    """An investigator who has declared a purpose and may change hot lists."""
    services.answers["POST /reads/search"] = page_of(
        a_read(vehicle={"colour": "silver", "make": None, "lane": 2})
    )
    browser = await sign_in(
        "account:self", "purpose:declare", "record:search", "hotlist:read", "hotlist:manage"
    )
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED)
    return browser


async def test_a_search_names_the_vehicle_and_shows_what_no_camera_reported(lister, services):
    vehicle = {"colour": "grey", "make": "Toyota"}
    await lister.send("/search", plate="7AB?1*", described_only="yes", **vehicle, **WINDOW)
    [asked] = services.asked("POST", "/reads/search")
    body = json.loads(asked.content)
    assert {**vehicle, "described_only": True}.items() <= body.items()
    assert "silver, lane 2 make not reported" in lister.said
    assert "colour not reported" not in lister.said
    assert '<option value="grey" selected>grey or silver</option>' in lister.page.text
    assert 'name="make" type="text" value="Toyota"' in lister.page.text
    await lister.send("/search", plate="7AB?1*", **WINDOW)
    assert "described_only" not in json.loads(services.asked("POST", "/reads/search")[-1].content)
    assert "not reported" not in lister.said


async def test_a_refused_make_is_told_beside_its_field(lister, services):
    services.answers["POST /reads/search"] = lambda _: problem(
        422, "A value is not acceptable", "is not a known make", field="body.make"
    )
    await lister.send("/search", plate="7AB?1*", make="Toytoa", **WINDOW)
    assert '<strong class="wrong" id="make-wrong">is not a known make</strong>' in lister.page.text


async def test_what_was_searched_is_entered_forward_with_its_vehicle(lister, services):
    services.answers["GET /lists"] = page_of(A_LIST)
    services.answers[f"GET /lists/{HIT}"] = lambda _: httpx.Response(200, json=A_LIST)
    searched = {"plate": "7AB?1*", "region": "ca", "colour": "grey", "make": "Toyota"}
    await lister.send("/search", **searched, **WINDOW)
    assert 'name="state" value="ca"' in lister.page.text
    entry = {"plate": "7AB?1*", "state": "ca", "colour": "grey", "make": "Toyota"}
    await lister.send("/search/forward", **entry)
    assert f'formaction="/hotlists/{HIT}/forward">Corning BOLO (department)' in lister.page.text
    await lister.send(f"/hotlists/{HIT}/forward", **entry)
    assert "Add an entry to Corning BOLO" in lister.said
    for name, value in entry.items():
        assert f'name="{name}" type="text" value="{value}"' in lister.page.text
    assert "7AB" not in str(lister.page.url)


async def test_a_plate_is_entered_forward_by_people_who_manage_lists(searcher):
    await searcher.send("/search", plate="7AB?1*", **WINDOW)
    assert "on a hot list" not in searcher.said
    assert (await searcher.send("/search/forward", plate="7AB?1*")).status_code == 403


async def test_a_plate_is_entered_forward_under_a_purpose(sign_in):
    browser = await sign_in("account:self", "purpose:declare", "record:search", "hotlist:manage")
    await browser.open("/purpose")
    await browser.send("/search/forward", plate="7AB?1*")
    assert "Declare a purpose" in browser.said


async def test_a_hit_leads_to_a_search_for_its_earlier_reads(lister, services):
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit())
    await lister.open(f"/hits/{HIT}")
    form = re.search(r'action="/search/back">(.*?)</form>', lister.page.text, re.DOTALL)[1]
    sent = dict(re.findall(r'name="(plate|region|lookalike)" value="([^"]*)"', form))
    assert sent == {"plate": "7ABC128", "region": "US-CA", "lookalike": "yes"}
    services.seen.clear()
    await lister.send("/search/back", **sent)
    assert "Search the records" in lister.said
    for value in ('value="7ABC128"', 'value="US-CA"', 'name="lookalike" value="yes" checked'):
        assert value in lister.page.text
    assert 'value="2026-05-02T12:00"' in lister.page.text, "it begins 30 days ago"
    assert "7ABC128" not in str(lister.page.url)
    assert services.seen == [], "nothing is searched before the person says so"
    whole = a_hit(differences=[], region_listed=None)
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=whole)
    await lister.open(f"/hits/{HIT}")
    form = re.search(r'action="/search/back">(.*?)</form>', lister.page.text, re.DOTALL)[1]
    assert re.findall(r'name="(region|lookalike)"', form) == []


async def test_a_destroyed_hit_and_a_person_who_does_not_search_have_no_such_search(
    lister, sign_in, services
):
    gone = a_hit(plate_listed=None, plate_read=None, purged_at="2026-06-01T11:00:00Z")
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=gone)
    await lister.open(f"/hits/{HIT}")
    assert "earlier reads" not in lister.page.text
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit())
    browser = await sign_in("account:self", "purpose:declare", "hit:read")
    await browser.open(f"/hits/{HIT}")
    assert "earlier reads" not in browser.page.text
    assert (await browser.send("/search/back", plate="7ABC128")).status_code == 403


async def test_a_search_back_needs_a_purpose_and_leads_to_the_hit_again(sign_in, services):
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit())
    browser = await sign_in("account:self", "purpose:declare", "record:search", "hit:read")
    await browser.open(f"/hits/{HIT}")
    headers = {"Origin": browser.origin, "Referer": f"{browser.origin}/hits/{HIT}"}
    data = {"form_token": browser.token(), "plate": "7ABC128"}
    answer = await browser.http.post("/search/back", data=data, headers=headers)
    assert answer.status_code == 303
    await browser.open(answer.headers["location"])
    assert "Declare a purpose" in browser.said
    assert f'name="back" value="/hits/{HIT}"' in browser.page.text
