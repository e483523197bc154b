"""A department's people, training, cameras and agencies at the console, before the real services."""

import re

import httpx
import pytest

from services.ingest.actions.makers import MAKERS
from shared.events import AccountChanged, TrainingRecorded

NEW = {"name": "Tess Okafor", "username": "t.okafor", "agency_ori": "CA0520100"}


@pytest.fixture
async def trained(administrator, train):
    await train(administrator)
    return administrator


def wrong(browser, name):
    """Return the text beside a field that was refused; the field has the focus."""
    [control] = re.findall(rf'<(?:input|select) id="{name}"[^>]+>', browser.page.text)
    assert 'aria-invalid="true" autofocus' in control
    [text] = re.findall(rf'<strong class="wrong" id="{name}-wrong">([^<]+)<', browser.page.text)
    return text


async def test_an_administrator_invites_a_person_and_reads_who_hands_the_invitation_over(
    browser, sign_in, administrator, hire, runtime, bus
):
    await sign_in(administrator)
    await browser.open("/people/new")
    for offered in ("Training Sergeant", "Agency Requester", "ALPR administrator", "Federal"):
        assert offered in browser.said
    assert "with no other role" in browser.said
    answer = await browser.send(
        "/people/new", **NEW, title="Training Sergeant", role_training_sergeant="yes"
    )
    assert answer.status_code == 200
    assert "Tess Okafor is invited" in browser.said
    assert "no active person can hand invitations over yet" in browser.said
    assert "plateward deliver-invitation --username t.okafor" in browser.said
    await runtime.relay.drain()
    [made] = [e for e in bus.events(AccountChanged) if e.details["username"] == "t.okafor"]
    assert made.details["roles"] == ["training_sergeant"]
    await hire("c.records", "custodian", title="Custodian of Records")
    await browser.open("/people/new")
    await browser.send(
        "/people/new", name="Jo Rivera", username="j.rivera", title="Police Officer",
        agency_ori="ca0520100", role_officer="yes", source_department="yes", source_state="yes",
    )  # fmt: skip
    assert "custodian or training sergeant opens the page Invitations" in browser.said
    assert "must record their training" in browser.said
    await runtime.relay.drain()
    [made] = [e for e in bus.events(AccountChanged) if e.details["username"] == "j.rivera"]
    assert made.details["sources"] == ["department", "state"]


async def test_an_invalid_invitation_displays_its_error_beside_the_field_and_keeps_the_input(
    browser, sign_in, administrator
):
    await sign_in(administrator)
    await browser.open("/people/new")
    given = {"title": "Auditor", "role_auditor": "yes", "role_officer": "yes"}
    answer = await browser.send("/people/new", **NEW, **given)
    assert answer.status_code == 422
    [said] = re.findall(r'id="roles-wrong">([^<]+)<', answer.text)
    assert "one person may not hold both roles" in said
    for kept in (
        'name="role_auditor" value="yes" checked',
        'value="t.okafor"',
        'value="Auditor" selected',
    ):
        assert kept in answer.text
    await browser.send("/people/new", **NEW | {"username": "t"}, title="Auditor")
    assert "3 to 32 letters" in wrong(browser, "username")
    await browser.send("/people/new", **NEW | {"username": "chief.admin"}, title="Auditor")
    assert wrong(browser, "username") == "this username is taken"


async def test_a_training_sergeant_records_training_of_others(
    browser, sign_in, administrator, hire, clock, runtime, bus
):
    sergeant = await hire("t.okafor", "training_sergeant", title="Training Sergeant")
    officer = await hire("j.rivera", "officer")
    await sign_in(sergeant)
    await browser.open("/training")
    offered = re.findall(r'<option value="([0-9a-f-]{36})">', browser.page.text)
    assert set(offered) == {administrator.account_id, officer.account_id}
    assert "another person records yours" in browser.said
    await browser.send("/training", account_id=officer.account_id, completed_on="2099-01-01")
    assert wrong(browser, "completed_on") == "training cannot be completed in the future"
    today = clock.now().date().isoformat()
    await browser.send("/training", account_id=officer.account_id, completed_on=today)
    assert "Recorded: training until 2027-06-01" in browser.said
    assert officer.account_id not in browser.page.text
    await runtime.relay.drain()
    [event] = bus.events(TrainingRecorded)
    assert (str(event.account_id), event.actor.person_id) == (
        officer.account_id,
        sergeant.account_id,
    )


async def test_a_camera_is_registered_and_its_credential_is_shown_once_with_a_command_that_works(
    browser, sign_in, trained, ingest, services
):
    await sign_in(trained)
    await browser.open("/cameras")
    assert "No camera is registered yet." in browser.said
    await browser.open("/cameras/new")
    await browser.send(
        "/cameras/new", name="Main St", kind="fixed", latitude="391", longitude="-122"
    )
    assert "90" in wrong(browser, "latitude")
    await browser.send(
        "/cameras/new",
        name="Main St",
        kind="fixed",
        latitude="39.9",
        longitude="-122",
        heading_deg="90",
    )
    [credential] = re.findall(r'class="secret">([^<]+)<', browser.page.text)
    [command] = re.findall(r"<pre><code>(curl [^<]+)</code>", browser.page.text)
    assert f"Authorization: Bearer {credential}" in command
    assert "https://alpr.example.org/ingest/v1/captures" in command
    assert browser.page.headers["Cache-Control"] == "no-store"
    device_id, _, secret = credential.partition(".")
    assert f"<code>{device_id}</code> and <code" in browser.page.text
    assert f">{secret}<" in browser.page.text
    for maker, format_of in MAKERS.items():
        address = f"https://alpr.example.org/ingest/v1/makers/{maker}"
        assert f"{format_of.name}: {address}" in browser.said
    await browser.open("/cameras")
    assert credential not in browser.page.text
    assert "looks to 90°" in browser.said
    [renewal] = re.findall(r'action="(/cameras/[^"]+/credential)"', browser.page.text)
    await browser.send(renewal)
    [other] = re.findall(r'class="secret">([^<]+)<', browser.page.text)
    transport = httpx.ASGITransport(services["ingest"])
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as camera:
        for given, status in ((credential, 401), (other, 422)):
            headers = {"Authorization": f"Bearer {given}", "Content-Type": "image/jpeg"}
            answer = await camera.post("/v1/captures", content=b"no image", headers=headers)
            assert answer.status_code in (status, 415 if status == 422 else status), answer.text


async def test_an_agency_is_registered_with_its_state_as_people_write_it(
    browser, sign_in, trained, release
):
    await sign_in(trained)
    await browser.open("/agencies")
    assert "No agency is registered." in browser.said
    given = {
        "name": "Tehama County Sheriff",
        "kind": "law_enforcement",
        "contact": "records@tehama.example",
    }
    await browser.send("/agencies", **given, ori="CA1", state="CA")
    assert wrong(browser, "ori")
    await browser.send("/agencies", **given, ori="ca0520000", state="ca")
    assert "Tehama County Sheriff CA0520000 law enforcement US-CA" in browser.said


@pytest.mark.clause("468.3/pages")
async def test_a_person_without_the_permission_gets_no_department_form_and_is_refused(
    browser, sign_in, hire, train, ingest, release, runtime, bus
):
    officer = await hire("j.rivera", "officer")
    await train(officer)
    await sign_in(officer)
    for path in ("/people/new", "/cameras/new"):
        assert (await browser.open(path)).status_code == 403, path
        assert "your role does not let you manage" in browser.said, path
        assert f'action="{path}"' not in browser.page.text
    assert (await browser.open("/cameras")).status_code == 403
    assert (await browser.open("/training")).status_code == 403
    await browser.open("/people/new")
    for path in ("/people/new", "/cameras/new", "/agencies", "/training"):
        token = browser.token()
        refused = await browser.send(path, token=token, **NEW, title="Auditor", kind="fixed")
        assert refused.status_code == 403, path
        assert "Not permitted" in browser.said, path


async def test_the_start_page_lists_missing_parts_of_a_new_department(
    browser, sign_in, administrator, hire, train, ingest, hotlist
):
    await sign_in(administrator)
    for lack in (
        "Nobody records training",
        "Nobody hands invitations over",
        "No trained person receives",
    ):
        assert lack in browser.said
    assert "No camera is registered" not in browser.said, "an untrained person is not shown cameras"
    await train(administrator)
    officer = await hire("j.rivera", "officer", sources=["department"])
    await train(officer)
    await browser.send("/sign-out")
    await sign_in(administrator)
    for lack in (
        "Nobody records training",
        "Nobody hands",
        "No trained person",
        "Your own training",
    ):
        assert lack not in browser.said
    for lack in ("No camera is registered. Register a camera", "There is no hot list. Make a list"):
        assert lack in browser.said
    await browser.open("/cameras/new")
    await browser.send(
        "/cameras/new", name="Main St", kind="fixed", latitude="39.9", longitude="-122"
    )
    await browser.open("/hotlists/new")
    await browser.send("/hotlists/new", name="Stolen vehicles", source="department")
    await browser.open("/")
    assert "No camera" not in browser.said
    assert "No hot list is in force." in browser.said


async def test_the_start_page_counts_what_waits_for_the_person(
    browser, sign_in, administrator, hire
):
    sergeant = await hire("t.okafor", "training_sergeant", title="Training Sergeant")
    await administrator.sign_in()
    await administrator.post(
        "/v1/accounts", username="n.new", name="Nia New", title="Police Officer",
        agency_ori="CA0520100", roles=["officer"], sources=[],
    )  # fmt: skip
    await sign_in(sergeant)
    assert (
        "Waiting for you Invitations to hand over: 1 People whose training is due: 1"
        in browser.said
    )
