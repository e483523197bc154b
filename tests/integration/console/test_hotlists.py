"""Hot lists at the console, before the real services."""

import re
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from shared.events import HotListChanged


@pytest.fixture
async def investigator(hire, train):
    person = await hire("i.vega", "investigator", title="Detective", sources=["department"])
    await train(person)
    return person


@pytest.fixture
async def list_id(hotlist, services, investigator):
    """The department's own list, empty; and one of the state, to which no person here is entitled."""
    transport = httpx.ASGITransport(services["hotlist"])
    async with httpx.AsyncClient(transport=transport, base_url="http://hotlist") as client:
        made = await client.post(
            "/v1/lists",
            json={"name": "BOLO", "source": "department"},
            headers=investigator.headers,
        )
        assert made.status_code == 201, made.text
    return made.json()["list_id"]


@pytest.mark.clause("468.4(c)/partial-forward")
@pytest.mark.clause("468.4(a)/asked-for")
async def test_an_entry_is_added_searched_and_ended(
    browser, declare, sign_in, investigator, list_id, hotlist, bus
):
    await sign_in(investigator)
    await browser.open("/hotlists")
    assert "BOLO department no entries yet 0 not in force" in browser.said
    here = f"/hotlists/{list_id}"
    asked = await browser.open(f"{here}/new")
    assert asked.headers["location"] == (
        f"/purpose?back=%2Fhotlists%2F{list_id}%2Fnew&opens=hotlist%3Amanage"
    )
    await declare("crime_scene_canvass", f"{here}/new")
    typed = {"plate": "8XY?1*", "record_kind": "canvass", "reason": "Shooting, partial plate"}
    answer = await browser.send(f"{here}/new", **typed)
    assert answer.status_code == 422
    assert (
        "a partial plate needs an expiry time (policy 468.4(c)) Field: expires at" in browser.said
    )
    await browser.send(f"{here}/new", **typed, expires_at="2026-06-20T08:00")
    assert browser.page.url.path == here
    assert "Entries 1 State in force , version 1" in browser.said
    await browser.send(here, record_kind="canvass")
    assert "8XY?1* partial canvass Shooting, partial plate" in browser.said
    assert "2026-06-20 08:00:00 UTC" in browser.said
    [end] = re.findall(r'action="(/[^"]+/end)"', browser.page.text)
    await browser.send(end, reason="the vehicle was found")
    assert "Entries 0 State in force , version 2" in browser.said
    await hotlist.relay.drain()
    told = [(e.change, e.details.get("reason")) for e in bus.events(HotListChanged)]
    assert told == [
        ("created", None), ("entry_added", None), ("entry_removed", "the vehicle was found"),
    ]  # fmt: skip
    again = await browser.send(end, reason="the vehicle was found")
    assert again.status_code == 404


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_list_from_a_source_that_a_person_may_not_see_is_hidden(
    browser, sign_in, hire, train, list_id
):
    other = await hire("o.lindqvist", "officer", sources=["state"])
    await train(other)
    await sign_in(other)
    await browser.open("/hotlists")
    assert "There are no lists whose source you are entitled to see." in browser.said
    assert (await browser.open(f"/hotlists/{list_id}")).status_code == 404
    assert "BOLO" not in browser.said


async def test_an_officer_finds_entries_but_cannot_end_them(
    browser, declare, sign_in, hire, train, investigator, list_id
):
    await sign_in(investigator)
    await declare("stolen_plate", f"/hotlists/{list_id}/new")
    await browser.send(
        f"/hotlists/{list_id}/new", plate="7ABC123", record_kind="stolen_vehicle", reason="stolen"
    )
    await browser.send(f"/hotlists/{list_id}", plate="7abc 123")
    [end] = re.findall(r'action="(/[^"]+/end)"', browser.page.text)
    await browser.send("/sign-out")
    officer = await hire("o.lindqvist", "officer", sources=["department"])
    await train(officer)
    await sign_in(officer)
    await browser.open(f"/hotlists/{list_id}")
    assert "To see entries, declare a purpose first." in browser.said
    await browser.send(f"/hotlists/{list_id}", plate="7ABC123")
    assert str(browser.page.url).endswith(
        f"/purpose?back=%2Fhotlists%2F{list_id}&opens=hotlist%3Aread"
    )
    await declare("stolen_plate", f"/hotlists/{list_id}")
    await browser.send(f"/hotlists/{list_id}", plate="7ABC123")
    assert "stolen vehicle" in browser.said
    assert "/end" not in browser.page.text
    answer = await browser.send(end, reason="it is mine")
    assert answer.status_code == 403
    assert "your role does not let you change the hot lists" in browser.said


async def purpose_of(person):
    """Declare a purpose as this person; return its token."""
    declared = await person.post(
        "/v1/purposes",
        kind="stolen_plate",
        offence_type="theft",
        case_number="26-0117",
        justification="what the case file asks for, in its own words",
    )
    assert declared.status_code == 201, declared.text
    return declared.json()["purpose_token"]


@pytest.fixture
async def upload(hotlist, services, list_id):
    """Uploads a list as a given person."""
    transport = httpx.ASGITransport(services["hotlist"])

    async def upload(person, rows, **query):
        async with httpx.AsyncClient(transport=transport, base_url="http://hotlist") as client:
            made = await client.post(
                f"/v1/lists/{list_id}/versions",
                params={"activate": True, **query},
                content="plate,record_kind\n" + rows,
                headers={
                    **person.headers,
                    "Content-Type": "text/csv",
                    "X-ALPR-Purpose": await purpose_of(person),
                },
            )
            assert made.status_code == 201, made.text

    return upload


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_lines_set_aside_are_counted_shown_and_downloaded(
    browser, declare, sign_in, investigator, list_id, upload
):
    await upload(investigator, "".join(f"1AAA{n:03},other\n" for n in range(40)) + "2BBB222,<b>\n")
    await sign_in(investigator)
    await browser.open(f"/hotlists/{list_id}/versions")
    assert "1 active 40 none 1 " in browser.said
    await declare("department_action", f"/hotlists/{list_id}/versions/1/set-aside")
    assert "42 2 record kind '<b>' is not a record kind of the policy" in browser.said.replace(
        "&#39;", "'"
    ).replace("&lt;", "<").replace("&gt;", ">")
    assert "<b>" not in browser.page.text
    answer = await browser.open(f"/hotlists/{list_id}/versions/1/set-aside.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="set-aside-1.csv"'
    assert "42,2,record_kind,\"'<b>' is not a record kind of the policy; the kinds" in answer.text
    assert ',"2BBB222,<b>"' in answer.text


@pytest.mark.clause("468.4(c)/second-word")
@pytest.mark.clause("468.4(c)/activation-changes")
async def test_another_person_puts_a_version_in_force_that_loses_much_of_the_list(
    browser, declare, sign_in, hire, train, investigator, list_id, upload
):
    await upload(investigator, "1A,other\n2A,other\n3A,other\n")
    await upload(investigator, "1A,other\n")
    await sign_in(investigator)
    await declare("stolen_plate", "/hotlists")
    here = f"/hotlists/{list_id}/versions"
    await browser.open(here)
    assert "2 draft awaits a second person 1 none 0" in browser.said
    [activation] = re.findall(r'href="(/[^"]+/activation)"', browser.page.text)
    await browser.open(activation)
    assert "Entries added 0 Entries removed 2 no longer raise hits Entries kept 1" in browser.said
    assert "issued its feed, so another person puts it in force." in browser.said
    assert f'action="{activation}"' not in browser.page.text
    answer = await browser.send(activation, replaces="1")
    assert answer.status_code == 403
    assert "a person who did not upload the version must put it in force" in browser.said
    await browser.send("/sign-out")
    other = await hire("d.osei", "investigator", title="Detective", sources=["department"])
    await train(other)
    await sign_in(other)
    await declare("stolen_plate", activation)
    assert "a person who did not upload it must put it in force" in browser.said
    assert f'action="{activation}"' in browser.page.text
    assert 'name="replaces" value="1"' in browser.page.text
    await browser.send(activation, replaces="1")
    assert "2 active 1 none 0" in browser.said


async def test_an_entry_added_after_a_person_looked_at_a_version_is_not_removed_with_their_click(
    browser, declare, sign_in, investigator, list_id, upload, services
):
    await upload(investigator, "1A,other\n2A,other\n")
    await sign_in(investigator)
    await declare("stolen_plate", "/hotlists")
    transport = httpx.ASGITransport(services["hotlist"])
    async with httpx.AsyncClient(transport=transport, base_url="http://hotlist") as client:
        path, headers = f"/v1/lists/{list_id}", investigator.headers | {"Content-Type": "text/csv"}
        draft = await client.post(
            f"{path}/versions", content="plate,record_kind\n1A,other\n2A,other\n3A,other\n",
            headers=headers,
        )  # fmt: skip
        assert draft.json()["state"] == "draft"
        activation = f"/hotlists/{list_id}/versions/2/activation"
        await browser.open(activation)
        assert "Entries removed none" in browser.said
        [seen] = re.findall(r'name="replaces" value="(\d+)"', browser.page.text)
        entry = {"plate": "9BOLO11", "record_kind": "other", "reason": "taken child"}
        added = await client.post(
            f"{path}/entries",
            json={"entries": [entry]},
            headers={**investigator.headers, "X-ALPR-Purpose": await purpose_of(investigator)},
        )
        assert added.status_code == 201, added.text
    refused = await browser.send(activation, replaces=seen)
    assert refused.status_code == 409
    assert "look at what the version would change now" in browser.said
    await browser.open(activation)
    assert "Entries removed 1 no longer raise hits" in browser.said


@pytest.mark.clause("468.4(c)/older-extract")
async def test_an_older_extract_is_put_in_force_with_a_reason_that_its_page_asks_for(
    browser, declare, sign_in, investigator, list_id, upload
):
    rows = "1A,other\n2A,other\n3A,other\n4A,other\n"
    await upload(investigator, rows, as_of="2026-01-01T00:00:00Z")
    await upload(investigator, rows + "5A,other\n")
    await sign_in(investigator)
    await declare("stolen_plate", "/hotlists")
    activation = f"/hotlists/{list_id}/versions/1/activation"
    await browser.open(activation)
    assert "Its extract is older than the one in force" in browser.said
    refused = await browser.send(activation, replaces="2")
    assert refused.status_code == 409
    await browser.send(activation, replaces="2", reason="the newer one is of another county")
    assert "1 active 4 none 0" in browser.said


async def test_a_feed_is_issued_with_a_credential_that_is_shown_once_and_revoked(
    browser, sign_in, hire, train, services, list_id, clock
):
    person = await hire("s.okafor", "investigator", title="Detective", sources=["state"])
    await train(person)
    await sign_in(person)
    await browser.open("/hotlists/new")
    await browser.send("/hotlists/new", name="SVS", source="state")
    [state_list] = re.findall(r"/hotlists/([0-9a-f-]{36})/upload", str(browser.page.url))
    here = f"/hotlists/{state_list}/feeds"
    await browser.open(f"/hotlists/{state_list}")
    assert f'href="{here}"' in browser.page.text
    await browser.open(here)
    assert "This list has no feed: people upload its files." in browser.said
    late = f"{clock.now() + timedelta(days=400):%Y-%m-%dT%H:%M}"
    refused = await browser.send(here, name="SVS by SFTP", expires_at=late)
    assert refused.status_code == 422
    assert 'value="SVS by SFTP"' in browser.page.text
    ends = f"{clock.now() + timedelta(days=90):%Y-%m-%dT%H:%M}"
    await browser.send(here, name="SVS by SFTP", expires_at=ends)
    [credential] = re.findall(r'class="secret">([^<]+)<', browser.page.text)
    assert "No version of the list is in force." in browser.said
    await browser.open(here)
    assert credential.partition(".")[2] not in browser.page.text
    assert "SVS by SFTP none yet" in browser.said
    [revocation] = re.findall(r'action="(/[^"]+/revocation)"', browser.page.text)
    await browser.send(revocation, reason="the server is replaced")
    assert "revoked" in browser.said
    assert (await browser.open(f"/hotlists/{list_id}/feeds")).status_code == 404, "not entitled"


@pytest.fixture
def send_file(browser):
    """Send the upload form of the open page, with a file."""

    async def send(path, text, *, origin=None, token=None, cut=0, **fields):
        given = {"form_token": token or browser.token(), **fields}
        request = browser.http.build_request(
            "POST", path, data=given, files={"file": ("list.csv", text, "text/csv")}
        )
        body = await request.aread()
        browser.page = await browser.http.post(
            path,
            content=body[: len(body) - cut],
            headers={
                "Origin": origin or browser.origin,
                "Content-Type": request.headers["content-type"],
            },
        )
        return browser.page

    return send


@pytest.fixture
def versions(services, list_id, investigator):
    """The versions that hotlist has of the list, as another person sees them."""

    async def versions():
        transport = httpx.ASGITransport(services["hotlist"])
        await investigator.sign_in()
        async with httpx.AsyncClient(transport=transport, base_url="http://hotlist") as client:
            path = f"/v1/lists/{list_id}/versions"
            found = await client.get(path, headers=investigator.headers)
        return [(one["version"], one["state"], one["entries"]) for one in found.json()["items"]]

    return versions


GOOD = "".join(f"1AAA{number:03},CA,other\n" for number in range(40))


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_a_list_is_uploaded_as_a_file_and_the_page_reports_its_lines(
    browser, declare, sign_in, send_file, investigator, list_id
):
    await sign_in(investigator)
    here = f"/hotlists/{list_id}"
    await browser.open(here)
    assert f'href="{here}/upload"' in browser.page.text
    asked = await browser.open(f"{here}/upload")
    assert asked.headers["location"].startswith("/purpose?")
    await declare("stolen_plate", f"{here}/upload")
    made = await send_file(
        f"{here}/upload", f"plate,state,record_kind\n{GOOD}2BBB222,CA,nonsense\n", activate="yes"
    )
    assert made.status_code == 200
    assert "version 1 is stored It is in force." in browser.said
    assert (
        "Lines 41 Entries 40 Set aside 1 , 2.44% of the lines; the policy permits up to 5.0%"
        in browser.said
    )
    assert "States read CA as US-CA" in browser.said
    assert "1AAA000" not in made.text
    await browser.open(f"{here}/versions")
    assert "1 active 40 none 1 " in browser.said


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_a_file_with_too_many_bad_lines_is_refused_with_the_faults_by_line(
    browser, declare, sign_in, send_file, investigator, list_id, versions
):
    await sign_in(investigator)
    here = f"/hotlists/{list_id}/upload"
    await declare("stolen_plate", here)
    await browser.open(here)
    bad = "plate,state,record_kind\n1AAA111,CA,other\n2BBB222,CA,nonsense\n,CA,other\n"
    refused = await send_file(here, bad, activate="yes")
    assert refused.status_code == 422
    assert "2 of 3 lines are bad; the policy allows 5.0%" in browser.said
    assert "3 3 record kind 'nonsense' is not a record kind of the policy" in browser.said
    assert "The system stored no line of the file." in browser.said
    assert await versions() == []


@pytest.mark.clause("468.4(c)/second-word")
async def test_a_file_that_loses_much_of_the_list_waits_for_another_person(
    browser, declare, sign_in, send_file, investigator, list_id, versions
):
    await sign_in(investigator)
    here = f"/hotlists/{list_id}/upload"
    await declare("stolen_plate", here)
    for rows in (GOOD, GOOD[: len(GOOD) // 2]):
        await browser.open(here)
        await send_file(here, f"plate,state,record_kind\n{rows}", activate="yes")
    assert (
        "It loses more than 25% of the list, so it is not in force: another person" in browser.said
    )
    assert await versions() == [(2, "draft", 20), (1, "active", 40)]


@pytest.mark.clause("468.4(c)/upload")
async def test_an_upload_is_accepted_only_from_our_form_and_only_complete(
    browser, declare, sign_in, send_file, investigator, list_id, versions
):
    await sign_in(investigator)
    await declare("stolen_plate", f"/hotlists/{list_id}/upload")
    here, text = f"/hotlists/{list_id}/upload", f"plate,state,record_kind\n{GOOD}"
    await browser.open(here)
    form = browser.token()
    elsewhere = await send_file(here, text, origin="https://evil.example", token=form)
    assert elsewhere.status_code == 403
    guessed = await send_file(here, text, token="0" * 64)
    assert guessed.status_code == 403
    for cut in (4, 60, 300):  # within the last boundary, before it, within the lines
        broken = await send_file(here, text, token=form, cut=cut, activate="yes")
        assert broken.status_code == 400, cut
        assert "it did not arrive whole" in browser.said
    none = await browser.http.post(
        here,
        files={"form_token": (None, form), "activate": (None, "yes")},
        headers={"Origin": browser.origin},
    )
    assert none.status_code == 422
    assert "choose a file" in none.text
    assert await versions() == []
    await sign_in(investigator)
    await declare("stolen_plate", here)
    await send_file(here, text, activate="yes")
    assert await versions() == [(1, "active", 40)]


@pytest.mark.clause("468.3/pages")
async def test_a_person_who_may_not_manage_lists_gets_no_upload_form_and_is_refused(
    browser, sign_in, send_file, hire, train, list_id, versions
):
    officer = await hire("o.lindqvist", "officer", sources=["department"])
    await train(officer)
    await sign_in(officer)
    await browser.open("/hotlists")
    assert "/hotlists/new" not in browser.page.text
    for page in (f"/hotlists/{list_id}", f"/hotlists/{list_id}/versions"):
        await browser.open(page)
        assert "/upload" not in browser.page.text
    await browser.open(f"/hotlists/{list_id}/upload")
    assert 'type="file"' not in browser.page.text
    refused = await send_file(f"/hotlists/{list_id}/upload", f"plate,state,record_kind\n{GOOD}")
    assert refused.status_code == 403
    assert "your role does not let you change the hot lists" in browser.said
    assert 'type="file"' not in browser.page.text
    made = await browser.send("/hotlists/new", name="Mine", source="department")
    assert made.status_code == 403
    assert await versions() == []


async def test_creating_a_list_leads_to_its_upload_page(
    browser, declare, sign_in, hotlist, investigator
):
    await sign_in(investigator)
    await browser.open("/hotlists")
    assert 'href="/hotlists/new"' in browser.page.text
    await browser.open("/hotlists/new")
    refused = await browser.send("/hotlists/new", name="SVS", source="state")
    assert refused.status_code == 403
    assert "no entitlement to state data (policy 468.4(e))" in browser.said
    await browser.send("/hotlists/new", name="BOLO", source="department", staleness_hours="12")
    upload = browser.page.url.path
    assert upload.endswith("/upload")
    await declare("stolen_plate", upload)
    assert "BOLO: upload a file" in browser.said
    gone = await browser.open(f"/hotlists/{uuid4()}/upload")
    assert gone.status_code == 404
