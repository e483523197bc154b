"""Each event of an account names the people who created, re-invited or changed it, even after compaction."""

import msgspec
import pytest
from sqlalchemy import text

from services.identity.actions.provisioning import recall
from services.identity.workers.startup import recall_people
from shared.accounts.known_accounts import People, Provisioned
from shared.events import AccountChanged
from tests.integration.identity.conftest import COURIER


@pytest.fixture
async def colleague(hire):
    return await hire("s.lee", "alpr_administrator", title="Administration Sergeant")


@pytest.fixture
def heard(published, identity, policy, clock):
    """The accounts as a service knows them that receives only each account's newest event, as after compaction."""

    async def heard():
        newest = {event.account_id: event for event in await published(AccountChanged)}
        people = People("plateward", identity.people.trust, policy, clock)
        for event in newest.values():
            people.learn(event)
        return people

    return heard


@pytest.mark.clause("468.7(b)/provisioners")
async def test_creating_or_changing_an_account_makes_a_provisioner_but_locking_does_not(
    administrator, colleague, hire, heard
):
    person = await hire("d.ruiz", "agency_requester", title="Agency Requester", ori="CA0520013")
    account = f"/v1/accounts/{person.account_id}"
    assert (await heard()).provisioned(person.account_id) == Provisioned(
        frozenset({administrator.account_id, COURIER.person_id}), known=True
    )
    await colleague.post(f"{account}/lock", reason="phone lost")
    await colleague.post(f"{account}/lock/release", reason="phone found")
    await colleague.post(f"{account}/review", note="still there")
    assert (await heard()).provisioned(person.account_id).by == {
        administrator.account_id,
        COURIER.person_id,
    }
    await colleague.client.patch(account, json={"name": "D. R."}, headers=colleague.headers)
    assert (await heard()).provisioned(person.account_id).by == {
        administrator.account_id,
        colleague.account_id,
        COURIER.person_id,
    }
    assert (await heard()).provisioned(administrator.account_id) == Provisioned(
        frozenset(), known=True
    )


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("roles", {"roles": []}),
        ("sources", {"sources": ["state"]}),
    ],
)
async def test_every_assignment_of_rights_makes_a_provisioner(colleague, hire, heard, act, body):
    person = await hire("o.seven", "officer")
    answer = await colleague.put(f"/v1/accounts/{person.account_id}/{act}", **body)
    assert answer.status_code == 200, answer.text
    assert colleague.account_id in (await heard()).provisioned(person.account_id).by


@pytest.mark.clause("468.7(b)/provisioners")
async def test_provisioners_of_older_accounts_are_read_from_the_topic_and_announced_at_start(
    administrator, hire, identity, as_owner, published, heard
):
    person, other = await hire("o.seven", "officer"), await hire("o.eight", "officer")
    history = await published(AccountChanged)
    async with as_owner("identity") as connection:  # as the migration leaves a department
        await connection.execute(text("DELETE FROM provisioners"))
        await connection.execute(
            text("UPDATE accounts SET provisioners_known = false, announced_under = 0")
        )
    await recall_people(identity)
    assert (await heard()).provisioned(person.account_id) == Provisioned(frozenset(), known=False)
    compacted = [
        e for e in history if str(e.account_id) != other.account_id or e.change != "created"
    ]
    forged = [
        msgspec.structs.replace(e, actor=person_of(e), change=change)
        for e in history
        for change in ("created", "updated")
    ]
    await recall(identity, compacted + forged)
    people = await heard()
    assert people.provisioned(person.account_id) == Provisioned(
        frozenset({administrator.account_id, COURIER.person_id}), known=True
    )
    assert people.provisioned(other.account_id) == Provisioned(
        frozenset({COURIER.person_id}), known=False
    )
    before = len(await published(AccountChanged))
    await recall(identity, compacted)
    assert len(await published(AccountChanged)) == before  # the service has learned no news


def person_of(event):
    return msgspec.structs.replace(event.actor, person_id="somebody else")
