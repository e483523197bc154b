"""Corrections of misread plates at the console: the form, what is sent, and how a corrected read is shown."""

import json

import httpx
import pytest

from services.console.domain.queries import correction_of
from tests.unit.console.services import HIT, READ, a_hit, a_read, problem

OFFICER = (
    "account:self", "purpose:declare", "record:search", "record:correct", "image:read", "hit:read",
)  # fmt: skip
PAGE = f"/reads/{READ}/correction"
PERSON = {
    "person_id": READ, "name": "Officer Nine", "title": "Police Officer", "agency_ori": "CA0520100",
}  # fmt: skip


def a_correction(**changes):
    return {
        "correction_id": READ,
        "plate": "7A8C128",
        "region": None,
        "reason": "an 8, not a B",
        "corrected_by": PERSON,
        "corrected_at": "2026-06-01T11:30:00+00:00",
        **changes,
    }


@pytest.fixture
def stored(services, show, clock):
    """Records of the service that tests change: the answer to a search, and a read."""
    until = clock.now().replace(hour=13).isoformat()
    show(
        "/purposes",
        {"purpose_id": READ, "purpose_token": "purpose-token", "expires_at": until},
        201,
        "POST",
    )

    def store(**changes):
        read = a_read(region="US-CA", **changes)
        show(f"/reads/{READ}", read)
        show("/reads/search", {"items": [read], "next": None}, 200, "POST")

    store()
    return store


async def with_purpose(sign_in, *permissions):
    browser = await sign_in(*permissions)
    await browser.open("/purpose")
    await browser.send(
        "/purpose", kind="criminal_investigation", offence_type="homicide", case_number="26-0117",
        justification="the homicide on Solano Street",
    )  # fmt: skip
    return browser


@pytest.fixture
async def officer(sign_in, stored):
    """An officer with a declared purpose."""
    return await with_purpose(sign_in, *OFFICER)


async def searched(browser):
    await browser.open("/search")
    return await browser.send(
        "/search", plate="7ABC128", captured_from="2026-05-01T00:00", captured_to="2026-06-02T00:00"
    )


async def test_a_found_read_links_to_its_correction_for_those_who_may(officer, sign_in, stored):
    await searched(officer)
    assert f'href="{PAGE}"' in officer.page.text
    without = tuple(one for one in OFFICER if one != "record:correct")
    other = await with_purpose(sign_in, *without)
    await searched(other)
    assert PAGE not in other.page.text
    blind = await with_purpose(sign_in, *(one for one in OFFICER if one != "image:read"))
    await searched(blind)
    assert PAGE not in blind.page.text, "who sees no picture corrects none"


@pytest.mark.parametrize(
    ("pictures", "links"),
    [
        ({"crop_url": None, "has_crop": False}, False),
        ({"crop_url": None, "has_crop": False, "has_image": True}, True),
    ],
)
async def test_a_read_without_a_picture_does_not_link_to_it(officer, stored, pictures, links):
    stored(**pictures)
    await searched(officer)
    assert "Found: 1 read" in officer.said
    assert (PAGE in officer.page.text) is links


async def test_the_form_shows_the_record_and_its_picture(officer):
    await officer.open(PAGE)
    assert "Recorded as 7ABC128 of US-CA" in officer.said
    assert f'src="/reads/{READ}/crop?link_token=a.1.b"' in officer.page.text
    assert "The last one is in force" not in officer.said


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"plate": "7A8C128"}, {"plate": "7A8C128"}),
        ({"plate": "7A8C128", "region": "NV"}, {"plate": "7A8C128", "region": "NV"}),
        ({"illegible": "yes"}, {"plate": None}),
    ],
)
async def test_the_form_sends_what_the_picture_shows_once(officer, services, show, fields, body):
    show(PAGE, a_read(corrections=[a_correction()]), 200, "POST")
    await officer.open(PAGE)
    await officer.send(PAGE, key="key-of-the-form", reason="an 8, not a B", **fields)
    [asked] = services.asked("POST", PAGE)
    assert json.loads(asked.content) == {**body, "reason": "an 8, not a B"}
    assert asked.headers["idempotency-key"] == "key-of-the-form"
    assert asked.headers["x-alpr-purpose"] == "purpose-token"
    assert officer.page.url.path == PAGE


def test_an_empty_form_is_sent_so_that_the_service_names_the_field():
    assert correction_of({}) == {"plate": "", "reason": ""}


async def test_a_refusal_leaves_the_form_as_it_was_filled_in(officer, services):
    services.answers[f"POST {PAGE}"] = lambda _: problem(
        409, "read_corrected_to_same", "this read has that plate and state already", field="plate"
    )
    await officer.open(PAGE)
    await officer.send(PAGE, key="key-of-the-form", reason="an 8, not a B", plate="7ABC128")
    assert officer.page.status_code == 409
    assert "this read has that plate and state already" in officer.said
    assert 'value="7ABC128"' in officer.page.text
    assert 'value="key-of-the-form"' in officer.page.text
    assert "an 8, not a B</textarea>" in officer.page.text


async def test_corrections_are_listed_with_their_people(officer, stored):
    stored(corrections=[a_correction(plate=None), a_correction(region="US-NV")])
    await officer.open(PAGE)
    assert (
        "no legible plate: an 8, not a B; Officer Nine, Police Officer, 2026-06-01" in officer.said
    )
    assert "7A8C128 of US-NV: an 8, not a B" in officer.said


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({}, "corrected: the picture shows 7A8C128"),
        ({"region": "US-NV"}, "corrected: the picture shows 7A8C128 of US-NV"),
        ({"plate": None}, "corrected: the picture shows no legible plate"),
    ],
)
async def test_a_found_read_says_what_its_last_correction_found(officer, stored, last, said):
    stored(corrections=[a_correction(plate="1OLD001"), a_correction(**last)])
    await searched(officer)
    assert said in officer.said
    assert "1OLD001" not in officer.said


async def test_a_hit_found_to_be_a_misread_leads_to_the_correction_of_its_read(
    officer, services, sign_in, stored
):
    for outcome, links in (("misread", True), ("correct_read", False)):
        hit = a_hit(status="verified", outcome=outcome, notice=None)
        services.answers[f"GET /hits/{HIT}"] = lambda _, hit=hit: httpx.Response(200, json=hit)
        await officer.open(f"/hits/{HIT}")
        assert (f'href="/reads/{hit["read_id"]}/correction"' in officer.page.text) is links


async def test_the_page_is_for_those_who_may_correct(sign_in, services, stored):
    other = await with_purpose(sign_in, *(one for one in OFFICER if one != "record:correct"))
    page = await other.open(PAGE)
    assert page.status_code == 403
    assert "correct misread plates" in other.said
    assert services.asked("GET", f"/reads/{READ}") == []
