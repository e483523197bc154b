"""A purpose whose number the department's own systems lack is a finding, and so is an old list (ADR-0141)."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from shared.core.case_numbers import CaseRules
from shared.events import CaseNumbersImported, PolicyLoaded, PurposeChecked
from tests.integration.audit.conftest import OFFICER

pytestmark = pytest.mark.clause("468.4(a)/known-numbers")

OTHER = "00000000-0000-4000-8000-000000000302"


@pytest.fixture
def checked(deliver, clock):
    """Deliver what identity says of a purpose."""

    async def send(*numbers, found=False, person=OFFICER, declared_at=None):
        await deliver(
            PurposeChecked(
                occurred_at=clock.now(),
                purpose_id=uuid4(),
                account_id=UUID(person),
                declared_at=declared_at or clock.now() - timedelta(hours=24),
                numbers=list(numbers),
                found=found,
                list_as_of=clock.now(),
            )
        )

    return send


async def test_each_person_day_and_number_is_one_finding_which_its_person_cannot_work(
    checked, findings, clock, client, auditor
):
    await checked("26-9", "C-1")
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("case_number_unknown", OFFICER)
    since = clock.now() - timedelta(hours=24)
    assert finding.details.pop("since") == since.isoformat()
    assert finding.details == {"seq": 0, "cases": ["26-9", "C-1"]}
    await checked("C-1", "26-9")
    assert await findings() == [], "the same"
    await checked("26-9", "C-1", person=OTHER)
    await checked("26-8")
    clock.advance(days=1)
    await checked("26-8")
    assert [one.details["cases"] for one in await findings()] == [
        ["26-9", "C-1"],
        ["26-8"],
        ["26-8"],
    ]
    path = f"/v1/findings/{finding.finding_id}/comments"
    own = await client.post(
        path, json={"note": "It was a slip"}, headers=auditor(account_id=OFFICER)
    )
    assert own.status_code == 403, own.text


async def test_a_number_that_comes_late_is_remarked_at_its_finding(
    checked, findings, clock, client, auditor
):
    declared_at = clock.now() - timedelta(hours=25)
    await checked("26-9", declared_at=declared_at)
    [finding] = await findings()
    await checked("26-9", found=True, declared_at=declared_at)
    assert await findings() == []
    shown = (await client.get(f"/v1/findings/{finding.finding_id}", headers=auditor())).json()
    [step] = shown["steps"]
    assert (step["change"], step["by"]["person_id"]) == ("commented", "system:audit")
    assert step["note"].endswith("the department's list of 2026-06-01 12:00 UTC has it")
    await checked("26-7", found=True)
    assert await findings() == [], "of no finding"


@pytest.fixture
def compared(runtime, monkeypatch):
    """A policy that compares numbers; a list is stale after 48 hours."""
    rules = CaseRules(known_within_h=24)
    policy = msgspec.structs.replace(runtime.policy, cases=rules)
    monkeypatch.setattr(runtime, "policy", policy)
    return policy


@pytest.fixture
def imported(deliver, clock):
    async def send(as_of: datetime):
        event = CaseNumbersImported(
            occurred_at=clock.now(),
            list_as_of=as_of,
            numbers=3,
            added=1,
            removed=0,
            sha256="1" * 64,
        )
        await deliver(event)

    return send


@pytest.fixture
def stale(findings):
    """Since when the lists of the new findings are stale."""

    async def new():
        found = [one for one in await findings() if one.kind == "case_numbers_stale"]
        assert {one.subject for one in found} <= {"case numbers"}
        return [(one.details["since"], one.details["why"]) for one in found]

    return new


async def test_an_old_list_is_a_finding_once(compared, imported, stale, clock):
    first = clock.now()
    await imported(first)
    clock.advance(hours=48, seconds=-1)
    assert await stale() == []
    clock.advance(seconds=1)
    assert await stale() == [(first.isoformat(), "the newest list is of then")]
    assert await stale() == []
    await imported(clock.now())
    assert await stale() == []
    clock.advance(hours=48)
    assert len(await stale()) == 1, "another list"


async def test_a_policy_that_asks_for_a_list_which_never_comes_is_a_finding(
    compared, deliver, stale, clock
):
    first = clock.now()
    await deliver(
        PolicyLoaded(
            occurred_at=first, service="identity", digest=compared.digest, version=compared.version
        )
    )
    clock.advance(hours=47)
    assert await stale() == []
    clock.advance(hours=1)
    assert await stale() == [
        (first.isoformat(), "no list was imported since the policy asks for one")
    ]


async def test_without_the_rule_no_list_is_stale(imported, stale, clock):
    await imported(clock.now())
    clock.advance(days=30)
    assert await stale() == []
