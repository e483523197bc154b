"""The first administrator and the way back in, through the command line as an operator types it."""

import asyncio
import re
import sys
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from services.identity.__main__ import COMMANDS
from services.identity.actions.bootstrap import bootstrap
from services.identity.spec import SPEC
from shared.core.errors import InternalFault, InvalidInput
from shared.events import AccountChanged
from shared.service.command import status_of
from tests.integration.identity.conftest import Person, certified_environment


@pytest.fixture
def environment(identity_settings, database_url, monkeypatch):
    """The settings of an operator."""
    key = identity_settings.identity_key_encryption_key.get_secret_value()
    monkeypatch.setenv("DATABASE_URL", identity_settings.database_url)
    monkeypatch.setenv("DATABASE_OWNER_URL", database_url)
    monkeypatch.setenv("POLICY_FILE", str(identity_settings.policy_file))
    monkeypatch.setenv("IDENTITY_KEY_ENCRYPTION_KEY", key)
    certified_environment(identity_settings, monkeypatch)


@pytest.fixture
def command(environment, capsys):
    """Run a command in a thread, which is quicker than a process; one test does start a process."""

    async def command(*arguments):
        code = await asyncio.to_thread(status_of, SPEC, COMMANDS, arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def present(clock):
    """The service's clock at the time that the command goes by."""
    clock.advance(seconds=(datetime.now(UTC) - clock.now()).total_seconds())


async def test_the_command_prints_an_invitation_once_and_only_for_the_first(
    present, environment, command, app, client, clock, published, repository
):
    words = ["-m", "services.identity", "bootstrap", "--username", "Chief.Admin"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        "--name",
        "Ada Min",
        cwd=repository,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = (part.decode() for part in await process.communicate())
    assert process.returncode == 0, err
    token = re.search(r"shown this once: (\S+)", out).group(1)
    assert token not in err
    person = await Person(client, clock, "chief.admin").enrol(token)
    await person.sign_in()
    me = (await person.get("/v1/me")).json()
    assert (me["name"], me["title"]) == ("Ada Min", "Administration Sergeant")
    assert me["roles"] == ["alpr_administrator"]
    created = [e for e in await published(AccountChanged) if e.change == "created"]
    assert created[0].actor.person_id == "system:identity"

    code, out, err = await command("bootstrap", "--username", "second.admin")
    assert code == 2
    assert "there is an ALPR administrator already" in err
    assert out == ""


async def test_the_command_rotates_the_key_of_a_running_service(command, app, client):
    code, out, err = await command("rotate-key")
    assert code == 0, err
    kids = [key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]]
    assert len(kids) == 2
    assert any(kid in out for kid in kids)


@pytest.mark.clause("468.6(a)/break-glass")
async def test_the_command_releases_the_last_administrator(
    command, administrator, clock, published
):
    clock.advance(minutes=1)
    for _ in range(5):
        await administrator.try_sign_in(password="wrong and wrong")
    assert (await administrator.try_sign_in()).status_code == 401
    why = ("--reason", "asked for by the chief in person")
    code, out, err = await command("release-lock", "--username", "chief.admin", *why)
    assert code == 0, err
    assert "the person released cannot" in out
    await administrator.sign_in()
    [event] = [e for e in await published(AccountChanged) if e.change == "unlocked"]
    assert (event.actor.person_id, event.details["reason"]) == ("system:identity", why[1])


@pytest.mark.clause("468.6(a)/break-glass")
async def test_the_host_command_refuses_while_another_administrator_can_act(
    present, command, administrator, hire, published, clock, client
):
    other = await hire("s.lee", "alpr_administrator", title="Administration Sergeant")
    third = await hire("t.third", "alpr_administrator", title="Lieutenant")
    officer = await hire("o.seven", "officer")
    for _ in range(5):
        await administrator.try_sign_in(password="wrong and wrong")
        await officer.try_sign_in(password="wrong and wrong")
    why = ("--reason", "asked for by the chief in person")
    code, _, err = await command("release-lock", "--username", "chief.admin", *why)
    assert code == 2
    assert "other administrators can do this: s.lee, t.third" in err
    code, _, err = await command("release-lock", "--username", "o.seven", *why)
    assert code == 2
    assert "not an ALPR administrator" in err
    assert (await administrator.try_sign_in()).status_code == 401
    assert "unlocked" not in {e.change for e in await published(AccountChanged)}
    # A new enrolment needs two others.
    invite = ("release-lock", "--username", "chief.admin", "--invite", *why)
    code, _, err = await command(*invite)
    assert code == 2
    assert "other administrators can do this: s.lee, t.third" in err
    await other.post(f"/v1/accounts/{third.account_id}/lock", reason="on leave")
    code, _, err = await command("release-lock", "--username", "chief.admin", *why)
    assert code == 2
    assert err.strip().endswith(
        "other administrators can do this: s.lee"
    )  # one unlocks, one does not invite anew
    code, out, err = await command(*invite)
    assert code == 0, err
    token = re.search(r"shown this once: (\S+)", out).group(1)
    assert (await administrator.try_sign_in()).status_code == 401
    await (await Person(client, clock, "chief.admin").enrol(token)).sign_in()
    [event] = [e for e in await published(AccountChanged) if e.change == "reinvited"]
    assert event.actor.person_id == "system:identity"


@pytest.mark.clause("468.6(a)/break-glass")
async def test_an_administrator_whose_sign_in_is_locked_releases_nobody_so_the_host_may(
    command, administrator, hire, clock
):
    other = await hire("s.lee", "alpr_administrator", title="Administration Sergeant")
    clock.advance(minutes=1)
    for _ in range(5):
        await administrator.try_sign_in(password="wrong and wrong")
        await other.try_sign_in(password="wrong and wrong")
    why = ("--reason", "asked for by the chief in person")
    code, _, err = await command("release-lock", "--username", "chief.admin", *why)
    assert code == 0, err
    assert (await administrator.sign_in()).access


@pytest.mark.clause("468.6(a)/break-glass")
async def test_an_administrator_without_rights_under_the_policy_releases_nobody_so_the_host_may(
    command, administrator, hire, clock, as_owner
):
    other = await hire("s.lee", "alpr_administrator", title="Administration Sergeant")
    clock.advance(minutes=1)
    for _ in range(5):
        await administrator.try_sign_in(password="wrong and wrong")
    arguments = ("release-lock", "--username", "chief.admin", "--reason", "asked for in person")
    code, _, err = await command(*arguments)
    assert (code, "s.lee" in err) == (2, True)
    async with as_owner("identity") as connection:  # as after a change of the policy's titles
        await connection.execute(
            text("UPDATE accounts SET title = 'Retired Sergeant' WHERE account_id = :account_id"),
            {"account_id": other.account_id},
        )
    code, _, err = await command(*arguments)
    assert code == 0, err
    assert (await administrator.sign_in()).access


@pytest.mark.clause("468.6(a)/break-glass")
@pytest.mark.parametrize(
    "change",
    [
        "status = 'locked'",
        "status = 'disabled'",
        "status = 'separated'",
        "title = 'Retired Sergeant'",  # as after a change of the policy's titles
    ],
)
async def test_an_administrator_made_on_the_host_beside_people_is_marked_for_a_finding(
    identity_settings, administrator, clock, published, as_owner, change
):
    async with as_owner("identity") as connection:
        await connection.execute(text(f"UPDATE accounts SET {change}"))
    made = await bootstrap(identity_settings, username="new.admin", name="New", clock=clock)
    assert made.invitation_token
    first, second = [e for e in await published(AccountChanged) if e.change == "created"]
    assert "beside_people" not in first.details, "the department had no people"
    assert second.details["beside_people"] is True


@pytest.mark.clause("468.3/deliverer")
async def test_the_host_command_delivers_an_invitation_only_while_no_other_person_can(
    present, command, administrator, client, clock, published
):
    def named(username, title, *roles):
        return {"username": username, "name": "N. N.", "title": title,
                "agency_ori": "CA0520100", "roles": roles}  # fmt: skip

    await administrator.sign_in()
    await administrator.post(
        "/v1/accounts", **named("t.sergeant", "Training Sergeant", "training_sergeant")
    )
    code, out, err = await command("deliver-invitation", "--username", "t.sergeant")
    assert code == 0, err
    token = re.search(r"shown this once: (\S+)", out).group(1)
    await (await Person(client, clock, "t.sergeant").enrol(token)).sign_in()
    delivered = [e for e in await published(AccountChanged) if e.change == "invitation_delivered"]
    assert [e.actor.person_id for e in delivered] == ["system:host"] * 2
    await administrator.sign_in()
    await administrator.post("/v1/accounts", **named("o.seven", "Police Officer", "officer"))
    code, out, err = await command("deliver-invitation", "--username", "o.seven")
    assert code == 2
    assert "t.sergeant can deliver it" in err
    assert out == ""
    listed = (await administrator.get("/v1/accounts?role=training_sergeant")).json()["items"]
    lock = f"/v1/accounts/{listed[0]['account_id']}/lock"
    assert (await administrator.post(lock, reason="on leave")).status_code == 200
    code, out, err = await command("deliver-invitation", "--username", "o.seven")
    assert code == 0, err
    delivered = [e for e in await published(AccountChanged) if e.change == "invitation_delivered"]
    marked = [e.details.get("beside_people") for e in delivered]
    assert marked == [None, None, True], "for a finding, once a person has delivered"


async def test_the_command_says_what_is_wrong(command):
    code, _, err = await command("bootstrap", "--username", "no spaces")
    assert code == 2
    assert "3 to 32 letters" in err
    code, _, err = await command("release-lock", "--username", "nobody", "--reason", "none")
    assert code == 2
    assert "no such account" in err


async def test_bootstrap_works_before_the_first_start_of_the_service(identity_settings, clock):
    first = await bootstrap(identity_settings, username="chief.admin", name="Ada Min", clock=clock)
    assert first.username == "chief.admin"
    with pytest.raises(InternalFault, match="there is an ALPR administrator already"):
        await bootstrap(identity_settings, username="other", name="Other", clock=clock)


async def test_only_one_of_several_concurrent_bootstraps_succeeds(identity_settings, clock):
    answers = await asyncio.gather(
        *(
            bootstrap(identity_settings, username=f"chief.{n}", name="Ada Min", clock=clock)
            for n in range(3)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    assert sum(isinstance(answer, InternalFault) for answer in answers) == 2


async def test_a_lapsed_invitation_is_renewed(identity_settings, app, client, clock):
    first = await bootstrap(identity_settings, username="chief.admin", name="Ada Min", clock=clock)
    clock.advance(hours=73)
    second = await bootstrap(identity_settings, username="chief.admin", name="Ada Min", clock=clock)
    assert second.invitation_token != first.invitation_token
    await (await Person(client, clock, "chief.admin").enrol(second.invitation_token)).sign_in()


@pytest.mark.clause("468.3.1(a)/titles")
async def test_bootstrap_refuses_an_unauthorised_title(identity_settings, clock):
    with pytest.raises(InvalidInput) as refused:
        await bootstrap(identity_settings, username="vol", name="V", title="Volunteer", clock=clock)
    assert refused.value.field == "title"
