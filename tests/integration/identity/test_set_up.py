"""The set-up link: one use, 15 minutes, this machine alone, and dead once the department has people."""

import asyncio
import logging

import pytest
from sqlalchemy import text

from services.identity.actions.bootstrap import bootstrap
from services.identity.actions.set_up import has_people, open_link
from shared.core.errors import InternalFault
from shared.events import AccountChanged
from tests.integration.identity.conftest import Person
from tests.integration.serving import client_of


@pytest.fixture
def link(identity_settings, clock, app):
    """Make a set-up link as `plateward serve` does; None once the department has people."""

    async def link():
        return await open_link(identity_settings, clock=clock)

    return link


@pytest.fixture
def use(client):
    """Use a link in a browser on this machine, or with another `at`."""

    async def use(token, username="chief.admin", at=client, **more):
        body = {"set_up_token": token, "username": username, "name": "Ada Min", **more}
        return await at.post("/v1/set-up", json=body)

    return use


def refusal(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.clause("468.3/set-up-link")
async def test_a_link_invites_the_first_administrator_once(link, use, client, clock, published):
    opened = await link()
    made = await use(opened.token)
    assert made.status_code == 200, made.text
    assert refusal(await use(opened.token, "second.admin")) == (401, "set_up_link_not_held")
    person = await Person(client, clock, "chief.admin").enrol(made.json()["invitation_token"])
    await person.sign_in()
    me = (await person.get("/v1/me")).json()
    assert (me["name"], me["title"]) == ("Ada Min", "Administration Sergeant")
    assert me["roles"] == ["alpr_administrator"]
    [created] = [e for e in await published(AccountChanged) if e.change == "created"]
    assert created.actor.person_id == "system:identity"
    [delivered] = [e for e in await published(AccountChanged) if e.change == "invitation_delivered"]
    assert delivered.actor.person_id == "system:host"


async def test_a_department_has_people_once_an_invitation_of_its_first_is_valid(
    link, use, identity_settings, clock
):
    assert not await has_people(identity_settings, clock=clock)
    assert (await use((await link()).token)).status_code == 200
    assert await has_people(identity_settings, clock=clock)


@pytest.mark.clause("468.3/set-up-link")
async def test_a_link_used_many_times_at_once_invites_one_person(link, use, runtime):
    opened = await link()
    made = await asyncio.gather(*(use(opened.token, f"admin.{number}") for number in range(6)))
    assert sorted(one.status_code for one in made) == [200, 401, 401, 401, 401, 401]
    async with runtime.db.begin() as connection:
        [[count]] = await connection.execute(text("SELECT count(*) FROM accounts"))
    assert count == 1


@pytest.mark.clause("468.3/set-up-link")
async def test_a_link_ends_after_a_quarter_of_an_hour(link, use, clock):
    opened = await link()
    clock.advance(seconds=15 * 60)
    assert refusal(await use(opened.token)) == (401, "set_up_link_not_held")
    again = await link()
    clock.advance(seconds=15 * 60 - 1)
    assert (await use(again.token)).status_code == 200


@pytest.mark.clause("468.3/set-up-link")
async def test_a_second_set_up_corrects_the_name_and_title_of_a_first_one_that_lapsed(
    link, use, client, clock, published
):
    mistyped = await use((await link()).token, name="Ada Mni", title="Lieutenant")
    assert mistyped.status_code == 200
    clock.advance(seconds=15 * 60)
    given = await use((await link()).token)
    assert (given.status_code, given.json()["name"]) == (200, "Ada Min")
    person = await Person(client, clock, "chief.admin").enrol(given.json()["invitation_token"])
    await person.sign_in()
    me = (await person.get("/v1/me")).json()
    assert (me["name"], me["title"]) == ("Ada Min", "Administration Sergeant")
    [renewed] = [e for e in await published(AccountChanged) if e.change == "reinvited"]
    assert renewed.details["name"] == "Ada Min"


@pytest.mark.clause("468.3/set-up-link")
@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.4", "2001:db8::7", ""])
async def test_a_link_is_refused_from_another_machine(link, use, app, address):
    opened = await link()
    async with client_of(app, "identity", address=address) as elsewhere:
        assert refusal(await use(opened.token, at=elsewhere)) == (403, "set_up_from_elsewhere")
    assert (await use(opened.token)).status_code == 200


@pytest.mark.clause("468.3/set-up-link")
async def test_a_link_works_over_the_loopback_address_of_ipv6(link, use, app):
    opened = await link()
    async with client_of(app, "identity", address="::1") as here:
        assert (await use(opened.token, at=here)).status_code == 200


@pytest.mark.clause("468.3/set-up-link")
async def test_a_set_up_link_is_invalid_once_an_administrator_exists(
    link, use, identity_settings, clock
):
    opened = await link()
    await bootstrap(identity_settings, username="other.admin", name="Otto Admin", clock=clock)
    assert refusal(await use(opened.token)) == (409, "set_up_done")
    assert await link() is None


@pytest.mark.clause("468.3/set-up-link")
async def test_no_link_is_made_for_a_department_whose_administrator_is_locked(
    administrator, link, runtime
):
    async with runtime.db.begin() as connection:
        await connection.execute(text("UPDATE accounts SET status = 'locked'"))
    assert await link() is None


@pytest.mark.clause("468.3/set-up-link")
async def test_a_wrong_token_is_refused_and_the_link_stays_valid(link, use):
    opened = await link()
    assert refusal(await use("n" * 43)) == (401, "set_up_link_not_held")
    assert refusal(await use("n" * 43, "x")) == (422, "username_malformed")
    assert (await use(opened.token)).status_code == 200


async def test_a_wrong_title_is_refused_and_the_link_stays_valid(link, use):
    opened = await link()
    wrong = await use(opened.token, title="Mayor")
    assert refusal(wrong) == (422, "title_not_authorised")
    assert wrong.json()["field"] == "title"
    assert "Chief of Police" in wrong.json()["detail"], "the titles that there are"
    assert (await use(opened.token, title="Chief of Police")).status_code == 200


@pytest.mark.clause("468.3/set-up-link")
async def test_a_later_link_replaces_the_former(link, use):
    former, later = await link(), await link()
    assert refusal(await use(former.token)) == (401, "set_up_link_not_held")
    assert (await use(later.token)).status_code == 200


async def test_an_expired_invitation_allows_a_new_set_up_link(
    link, use, client, clock, identity_settings
):
    first = await use((await link()).token)
    assert await link() is None
    with pytest.raises(InternalFault):
        await bootstrap(identity_settings, username="chief.admin", name="Ada Min", clock=clock)
    clock.advance(seconds=15 * 60)
    body = {"invitation_token": first.json()["invitation_token"], "password": "four plain words"}
    assert (await client.post("/v1/enrolment", json=body)).status_code == 401
    again = await use((await link()).token)
    assert again.json()["account_id"] == first.json()["account_id"]
    await Person(client, clock, "chief.admin").enrol(again.json()["invitation_token"])


@pytest.mark.clause("468.3/set-up-link")
async def test_a_token_is_stored_as_its_hash_and_logged_nowhere(
    link, use, runtime, waiting, caplog
):
    caplog.set_level(logging.DEBUG)
    opened = await link()
    async with runtime.db.begin() as connection:
        [row] = await connection.execute(text("SELECT * FROM set_up_link"))
    assert opened.token not in str(row)
    await use("n" * 43)
    await use(opened.token)
    assert not [line for line in await waiting() if opened.token in line]
    assert opened.token not in caplog.text
