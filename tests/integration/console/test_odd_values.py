"""Odd values in the console's forms, before the real services."""

import pytest

from shared.events import PurposeDeclared
from tests.integration.identity.conftest import Person

WINDOW = {"captured_from": "2026-06-01T00:00", "captured_to": "2026-06-01T01:00"}


@pytest.fixture
async def investigator(hire, train):
    person = await hire("i.vega", "investigator", title="Detective", sources=["department"])
    await train(person)
    return person


@pytest.mark.parametrize("typed", ["nan", "inf", "1e999"])
async def test_what_is_no_number_is_refused_with_its_field(
    browser, sign_in, investigator, declare, retention, typed
):
    await sign_in(investigator)
    await declare("criminal_investigation", "/search")
    answer = await browser.send(
        "/search", **WINDOW, latitude=typed, longitude="-122", radius_m="100"
    )
    assert answer.status_code == 422
    assert "Field: latitude" in browser.said
    assert f'value="{typed}"' in answer.text


@pytest.mark.parametrize("letter", ["é", "ж", "车"])
async def test_a_purpose_in_another_script_fits_the_browsers_cookie(
    browser, sign_in, investigator, runtime, retention, bus, letter
):
    justification = f"the case file asks for it: {letter * 470}"
    await sign_in(investigator)
    await browser.open("/purpose")
    await browser.send(
        "/purpose", kind="criminal_investigation", offence_type=f"burglary {letter * 70}",
        case_number="26-0117", justification=justification,
    )  # fmt: skip
    assert browser.page.url.path == "/search", browser.said
    assert max(len(value) for value in browser.http.cookies.values()) < 4096
    assert (await browser.send("/search", plate="7ABC123", **WINDOW)).status_code == 200
    await runtime.relay.drain()
    [declared] = bus.events(PurposeDeclared)
    assert declared.purpose.justification == justification


async def test_a_person_with_a_name_of_picture_letters_signs_in(
    browser, administrator, handed_over, clock, client, sign_in
):
    await administrator.sign_in()
    made = await administrator.post(
        "/v1/accounts", username="n.new", name="🚗" * 100, title="Police Officer",
        agency_ori="CA0520100", roles=["officer", "investigator"],
        sources=["department", "state", "federal"],
    )  # fmt: skip
    person = Person(client, clock, "n.new")
    await person.enrol(await handed_over(made))
    await sign_in(person)
    assert f"Signed in as {'🚗' * 100}" in browser.said
