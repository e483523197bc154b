"""Who has an alert, and what came of hits, as officers and supervisors see them."""

import json
import re
from typing import get_args

import httpx
import pytest

from services.console.api.pages import TEMPLATES
from services.hotlist.domain.rating import Outcome, Result
from tests.unit.console.conftest import ORIGIN
from tests.unit.console.services import (
    HIT,
    NO_OUTCOMES,
    NOTHING_WAITS,
    PERSON,
    READ,
    a_hit,
    page_of,
    problem,
)

AT = "2026-06-01T11:59:30+00:00"
OTHERS = {"at": AT, "by": PERSON | {"name": "Ann Ochoa"}}
OWN = {"at": AT, "by": PERSON | {"person_id": READ}}
PATH = f"/hits/{HIT}/acknowledgement"


def brief(**changes):
    """Return a hit as lists and the stream show it."""
    beside = ("twins", "verification", "dispositions", "sightings_seen")
    return {name: value for name, value in a_hit(**changes).items() if name not in beside}


@pytest.fixture
def show(services):
    """Has hotlist answer with a hit."""

    def show(**changes):
        services.answers["GET /hits"] = page_of(brief(**changes))
        services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(200, json=a_hit(**changes))
        services.answers[f"POST {PATH}"] = lambda _: httpx.Response(200, json=brief(**changes))

    show()
    return show


@pytest.mark.parametrize("path", ["/alerts", f"/hits/{HIT}"])
async def test_a_card_says_who_has_the_alert_and_offers_to_take_it_or_give_it_back(
    officer, show, path
):
    await officer.open(path)
    assert re.search('value="yes">I have it</button>', officer.page.text)
    show(acknowledgements=[OTHERS])
    await officer.open(path)
    assert "Ann Ochoa, Police Officer, has it since 2026-06-01 11:59:30 UTC" in officer.said
    assert re.search('value="yes">I have it too</button>', officer.page.text)
    show(acknowledgements=[OTHERS, OWN])
    await officer.open(path)
    assert "You have it since" in officer.said
    assert re.search('value="no">I cannot take it</button>', officer.page.text)
    assert "UNVERIFIED" in officer.said, "to take an alert verifies nothing"


@pytest.mark.parametrize(
    "hit", [{"late": True}, {"age_s": 50_000}, {"age_s": None, "captured_at": None}]
)
async def test_a_hit_that_is_no_alert_any_more_is_not_offered(officer, show, hit):
    show(**hit)
    await officer.open(f"/hits/{HIT}")
    assert PATH not in officer.page.text


@pytest.mark.parametrize(("value", "acknowledged"), [("yes", True), ("no", False)])
@pytest.mark.parametrize("page", ["/alerts", f"/hits/{HIT}"])
async def test_to_take_an_alert_leads_back_to_the_page_with_its_card(
    officer, services, show, value, acknowledged, page
):
    await officer.open(page)
    data = {"form_token": officer.token(), "acknowledged": value}
    headers = {"Origin": ORIGIN, "Referer": f"{ORIGIN}{page}"}
    answer = await officer.http.post(PATH, data=data, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    [asked] = services.asked("POST", "/acknowledgement")
    assert json.loads(asked.content) == {"acknowledged": acknowledged}


async def test_a_refusal_to_take_an_alert_says_why(officer, services, show):
    why = "this hit is no live alert"
    services.answers[f"POST {PATH}"] = lambda _: problem(409, "Conflict", why, code="hit_not_live")
    await officer.open("/alerts")
    answer = await officer.send(PATH, acknowledged="yes")
    assert answer.status_code == 409
    assert why in officer.said


async def test_the_stream_brings_a_change_as_the_card_that_it_makes(officer, services):
    hit = brief(acknowledgements=[OTHERS], changed_seq=21)
    text = f"id: 21\nevent: change\ndata: {json.dumps(hit)}\n\n"
    services.answers["GET /alerts"] = lambda _: httpx.Response(
        200, text=text, headers={"Content-Type": "text/event-stream"}
    )
    sent = (await officer.open("/alerts/stream?after=17")).text
    assert "id: 21\nevent: change\n" in sent
    assert "Ann Ochoa, Police Officer, has" in sent
    assert 'data-seq="17"' in sent
    assert f'name="form_token" value="{(await token_of(officer))}"' in sent


async def token_of(browser):
    await browser.open("/policy")
    return browser.token()


async def test_the_page_of_alerts_begins_after_the_changes_that_it_shows(officer, show):
    show(changed_seq=40)
    await officer.open("/alerts")
    assert 'data-after="40"' in officer.page.text


async def test_urgent_alerts_that_no_one_has_taken_come_first_and_are_counted(officer, services):
    waiting = {**NOTHING_WAITS, "unanswered": 2, "unanswered_since": "2026-06-01T11:40:00Z"}
    services.answers["GET /hits/waiting"] = lambda _: httpx.Response(200, json=waiting)
    services.answers["GET /hits"] = page_of(
        brief(seq=30, hit_id=READ), brief(seq=21, unfinished=True), brief(seq=12, unanswered=True)
    )
    await officer.open("/alerts")
    assert "No one has taken 2 urgent alerts in time, the oldest 20 min 0 s old." in officer.said
    assert re.findall(r'data-seq="(\d+)"', officer.page.text) == ["12", "21", "30"]
    assert '<article class="hit high unverified unanswered"' in officer.page.text
    assert "no one has taken it" in officer.said
    assert '<article class="hit high unverified unfinished"' in officer.page.text
    assert "taken, and nothing recorded since" in officer.said


async def test_older_hits_are_counted_and_found_by_what_became_of_them(officer, services, show):
    counts = {
        **NO_OUTCOMES, "hits": 1203, "unverified": 3,
        "outcomes": {"misread": 7}, "results": {"arrest": 2},
    }  # fmt: skip
    services.answers["GET /hits/outcomes"] = lambda _: httpx.Response(200, json=counts)
    await officer.open("/alerts/older")
    assert "The last 30 days: 1,203 hits" in officer.said
    assert "Not verified : 3 Misread : 7 Arrest : 2" in officer.said
    assert "Wrong state" not in officer.said
    services.answers["GET /hits"] = page_of(brief(), after="MTc")
    await officer.open("/alerts/older?result=arrest")
    asked = services.asked("GET", "/hits")[-1].url.params
    assert dict(asked) == {"limit": "20", "result": "arrest"}, "late hits too"
    assert "Hits: Arrest" in officer.said
    assert 'href="/alerts/older?after=MTc&amp;result=arrest"' in officer.page.text


async def test_a_result_that_does_not_exist_is_refused(officer, services, show):
    services.answers["GET /hits"] = lambda _: problem(422, "A value is not acceptable", "no such")
    assert (await officer.open("/alerts/older?result=nothing")).status_code == 422
    assert (await officer.open('/alerts/older?result="><script>')).status_code == 422


async def test_a_disposition_has_a_result_of_the_list(officer, services, show):
    services.answers[f"POST /hits/{HIT}/disposition"] = lambda _: httpx.Response(200, json=a_hit())
    await officer.open(f"/hits/{HIT}")
    await officer.send(f"/hits/{HIT}/disposition", result="no_contact", enforcement="no")
    [asked] = services.asked("POST", "/disposition")
    assert json.loads(asked.content) == {"result": "no_contact", "enforcement": False}


def test_pages_have_the_findings_and_results_that_hotlist_has():
    macros = TEMPLATES.get_template("macros.html").module
    assert [code for code, _ in macros.VERDICTS] == list(get_args(Outcome))
    assert [code for code, _ in macros.RESULTS] == list(get_args(Result))


async def test_a_hit_leads_to_the_others_of_its_vehicle(officer, services, show):
    twin = {
        "hit_id": READ, "list_name": "Wanted", "record_kind": "wanted_person", "tier": "high",
        "status": "unverified", "outcome": None,
    }  # fmt: skip
    done = twin | {"status": "verified", "outcome": "list_out_of_date"}
    services.answers[f"GET /hits/{HIT}"] = lambda _: httpx.Response(
        200, json=a_hit(twins=[twin, done])
    )
    await officer.open(f"/hits/{HIT}")
    assert f'<a href="/hits/{READ}">hit of Wanted</a>' in officer.page.text
    said = "wanted person, high priority, {} . Verify each with its entering agency."
    assert said.format("unverified") in officer.said
    assert said.format("verified: list out of date") in officer.said


@pytest.mark.parametrize("path", ["/alerts", f"/hits/{HIT}"])
async def test_a_card_says_who_listed_the_plate_and_marks_what_the_viewer_listed(
    officer, show, path
):
    mark = '<article class="hit high own-entry unverified"'
    await officer.open(path)
    assert "Listed by" not in officer.said
    show(entry={**a_hit()["entry"], "listed_by": OTHERS["by"]})
    await officer.open(path)
    assert "Listed by Ann Ochoa, Police Officer" in officer.said
    assert "You listed this plate" not in officer.said
    assert mark not in officer.page.text
    show(entry={**a_hit()["entry"], "listed_by": OWN["by"]})
    await officer.open(path)
    assert "You listed this plate" in officer.said
    assert mark in officer.page.text


async def test_hits_of_plates_that_a_person_listed_are_counted_and_have_a_page(
    officer, services, show
):
    own = "/alerts/own?status=unverified"
    await officer.open("/alerts")
    assert own not in officer.page.text
    services.answers["GET /hits/waiting"] = lambda _: httpx.Response(
        200, json={**NOTHING_WAITS, "count": 3, "listed_by_me": 1}
    )
    await officer.open("/alerts")
    assert "Unverified hits of plates that you listed: 1" in officer.said
    await officer.open("/")
    assert "Unverified hits: 3" in officer.said
    assert (
        f'<a href="{own}">Unverified hits of plates that you listed: <strong>1' in officer.page.text
    )
    services.seen.clear()
    await officer.open(own)
    [asked] = services.asked("GET", "/v1/hits")
    wanted = {"listed_by": "me", "status": "unverified", "limit": "20"}
    assert dict(asked.url.params) == wanted
    await officer.open("/alerts/own?after=MTc")
    wanted = {"listed_by": "me", "after": "MTc", "limit": "20"}
    assert dict(services.asked("GET", "/v1/hits")[-1].url.params) == wanted


@pytest.mark.parametrize(
    "code", ["caution_since", "doubted_before", "entry_ended", "outvoted", "read_corrected"]
)
@pytest.mark.parametrize("path", ["/alerts", f"/hits/{HIT}"])
async def test_what_puts_a_hit_in_doubt_stands_above_its_plates_and_other_cautions_below(
    officer, show, path, code
):
    doubt, other = {"code": code, "text": "It is in doubt"}, {"code": "stale", "text": "It is old"}
    show(warnings=[other, doubt])
    await officer.open(path)
    assert officer.page.text.count("It is in doubt") == 1
    assert '<p class="warning doubt">It is in doubt</p>' in officer.page.text
    said = officer.said
    assert said.index("It is in doubt") < said.index("Read 7ABC12") < said.index("It is old")


async def test_a_card_is_marked_as_taken_by_its_viewer_alone(officer, show):
    for acknowledged, mark in (([], False), ([OTHERS], False), ([OTHERS, OWN], True)):
        show(acknowledgements=acknowledged)
        await officer.open("/alerts")
        assert ('<article class="hit high taken' in officer.page.text) is mark
