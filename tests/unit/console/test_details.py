"""Changes of cameras, people and agencies at the console: what differs from what the page showed is sent, no more."""

import json

import httpx
import pytest

from tests.unit.console.services import HIT, a_camera, page_of, problem

PLACE = {"latitude": 39.9277, "longitude": -122.1792, "heading_deg": None}
AGENCY = {
    "ori": "CA0520000", "name": "Tehama County Sheriff", "kind": "law_enforcement",
    "state": "US-CA", "contact": "records@tehama.example", "active": True, "treatment": "ordinary",
}  # fmt: skip
CAMERA = f"/cameras/{HIT}/settings"
PERSON = f"/people/{HIT}/details"
SHERIFF = "/agencies/CA0520000/details"


def answering(body):
    return lambda _: httpx.Response(200, json=body)


@pytest.fixture
async def manager(sign_in, services):
    person = services.me() | {"account_id": HIT, "name": "Ida Vega", "title": "Police Officer"}
    services.answers[f"GET /devices/{HIT}"] = answering(a_camera(place=PLACE))
    services.answers[f"GET /accounts/{HIT}"] = answering(person)
    services.answers[f"GET /accounts/{HIT}/limit-lifts"] = page_of()
    services.answers["GET /accounts/invitations/proposed"] = page_of()
    services.answers["GET /agencies/CA0520000"] = answering(AGENCY)
    services.answers["GET /agencies"] = page_of(AGENCY)
    services.answers["GET /devices"] = page_of(a_camera())
    services.answers[f"PATCH /devices/{HIT}"] = answering(a_camera())
    services.answers[f"PATCH /accounts/{HIT}"] = answering(person)
    services.answers["PATCH /agencies/CA0520000"] = answering(AGENCY)
    return await sign_in(
        "account:self", "account:read", "account:manage", "device:read", "device:manage",
        "agency:manage",
    )  # fmt: skip


def fields(browser):
    """Return the fields of the open page's form, as a browser sends them."""
    found = {}
    text = browser.page.text
    for part in text.split("<input ")[1:]:
        tag = part.partition(">")[0]
        named = dict(piece.split('="', 1) for piece in tag.split('" ') if '="' in piece)
        if "name" in named:
            found[named["name"]] = named.get("value", "").rstrip('"')
    for part in text.split("<select ")[1:]:
        name = part.split('name="')[1].split('"')[0]
        chosen = part.partition("</select>")[0].split('" selected')
        found[name] = chosen[0].rpartition('"')[2]
    found.pop("form_token")
    return found


@pytest.mark.parametrize(
    ("path", "typed", "body"),
    [
        (CAMERA, {"frames_per_s": "0.5"}, {"frames_per_s": 0.5}),
        (CAMERA, {"name": "Main St at 3rd"}, {"name": "Main St at 3rd"}),
        (CAMERA, {"may_buffer_h": "no"}, {"may_buffer_h": "no"}),
        (CAMERA, {"heading_deg": "90"}, {"place": PLACE | {"heading_deg": 90}}),
        (PERSON, {"title": "Detective"}, {"title": "Detective"}),
        (PERSON, {"name": "Ida Vega-Lee"}, {"name": "Ida Vega-Lee"}),
        (SHERIFF, {"kind": "federal", "state": "nv"}, {"kind": "federal", "state": "US-NV"}),
    ],
)
async def test_what_was_changed_on_the_page_is_sent_alone(manager, services, path, typed, body):
    services.lenient = True
    await manager.open(path)
    await manager.send(path, **fields(manager) | typed)
    assert manager.page.status_code == 200
    [asked] = [one for one in services.seen if one.method == "PATCH"]
    assert json.loads(asked.content) == body


@pytest.mark.parametrize("path", [CAMERA, PERSON, SHERIFF])
async def test_a_page_that_was_sent_as_it_was_changes_nothing(manager, services, path):
    await manager.open(path)
    await manager.send(path, **fields(manager))
    assert manager.page.url.path in {"/cameras", f"/people/{HIT}", "/agencies"}
    assert [one for one in services.seen if one.method == "PATCH"] == []


@pytest.mark.parametrize(
    ("path", "patched"),
    [
        (CAMERA, f"PATCH /devices/{HIT}"),
        (PERSON, f"PATCH /accounts/{HIT}"),
        (SHERIFF, "PATCH /agencies/CA0520000"),
    ],
)
async def test_a_refused_change_is_shown_beside_its_field_and_stays_typed(
    manager, services, path, patched
):
    services.answers[patched] = lambda _: problem(422, "Refused", "too long", field="body.name")
    await manager.open(path)
    answer = await manager.send(path, **fields(manager) | {"name": "A name to be refused"})
    assert answer.status_code == 422
    assert 'id="name-wrong">too long' in answer.text
    assert 'value="A name to be refused"' in answer.text
    assert 'name="seen_name" value="A name' not in answer.text


async def test_a_vehicle_has_no_place_to_change(manager, services):
    vehicle = a_camera(kind="vehicle", place=None)
    services.answers[f"GET /devices/{HIT}"] = answering(vehicle)
    await manager.open(CAMERA)
    assert 'name="latitude"' not in manager.page.text
    await manager.send(CAMERA, **fields(manager) | {"reads_per_s": "3"})
    [asked] = services.asked("PATCH", f"/devices/{HIT}")
    assert json.loads(asked.content) == {"reads_per_s": 3}


async def test_ones_own_name_is_changed_by_another_administrator(manager, services):
    own = services.me()["account_id"]
    services.answers[f"GET /accounts/{own}"] = answering(services.me())
    await manager.open(f"/people/{own}/details")
    assert "another administrator does it" in manager.said
    assert f'action="/people/{own}/details"' not in manager.page.text


@pytest.mark.parametrize("path", [CAMERA, PERSON, SHERIFF])
async def test_a_form_of_changes_is_for_who_may_send_it(sign_in, path):
    browser = await sign_in("account:self", "account:read", "device:read", "release:read")
    assert (await browser.open(path)).status_code == 403
