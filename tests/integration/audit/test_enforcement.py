"""Enforcement on a hit that was not verified as a correct read before is a finding (policy 468.4(f), ADR-0116)."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text

from shared.events import HitDisposed, HitVerified
from tests.integration.audit.conftest import OFFICER, an_actor

REASON = "The driver fled before the check came back"


@pytest.fixture
def hit(clock):
    """The verification and the disposition of one hit, as hotlist publishes them."""
    hit_id, read_id = uuid4(), uuid4()

    class Hit:
        def verified(self, outcome="correct_read", at=None, **changes):
            return HitVerified(
                occurred_at=at or clock.now(),
                hit_id=changes.get("hit_id", hit_id),
                read_id=read_id,
                verified_by=an_actor(),
                method="CLETS",
                reference="R-17",
                outcome=outcome,
                captured_on=clock.now().date(),
            )

        def disposed(self, *, enforcement=True, reason=None):
            return HitDisposed(
                occurred_at=clock.now(),
                hit_id=hit_id,
                read_id=read_id,
                disposed_by=an_actor(),
                disposition="driver arrested",
                enforcement=enforcement,
                unverified_reason=reason,
                captured_on=clock.now().date(),
            )

    return Hit()


@pytest.fixture
def settled(findings, clock):
    """The findings of a log whose entries are so old that no other belongs before them."""

    async def later():
        clock.advance(minutes=16)
        return [f for f in await findings() if f.kind == "unverified_enforcement"]

    return later


@pytest.mark.clause("468.4(f)/enforcement-finding")
async def test_enforcement_on_a_hit_without_a_verification_is_a_finding_though_a_reason_is_stated(
    deliver, findings, settled, hit, query, clock
):
    await deliver(hit.disposed(reason=REASON))
    assert await findings() == [], "its verification may still come"
    [finding] = await settled()
    assert finding.subject == OFFICER
    [seq] = await query("SELECT seq FROM entries WHERE kind = 'hit.disposed'")
    assert finding.details == {
        "seq": seq[0],
        "why": "the hit was not verified; the disposition states a reason",
    }
    assert await settled() == [], "it is raised once"
    clock.advance(minutes=1)
    await deliver(hit.disposed(reason=REASON))
    assert len(await settled()) == 1, "another action, another finding"


@pytest.mark.clause("468.4(f)/enforcement-finding")
@pytest.mark.parametrize("reason", [None, REASON])
async def test_enforcement_on_a_verified_hit_is_none(deliver, settled, hit, clock, reason):
    verified = hit.verified()
    clock.advance(hours=30)
    await deliver(verified, hit.disposed(reason=reason))
    assert await settled() == []


@pytest.mark.clause("468.4(f)/enforcement-finding")
async def test_what_did_not_lead_to_enforcement_is_none(deliver, settled, hit):
    await deliver(hit.disposed(enforcement=False))
    assert await settled() == []


@pytest.mark.clause("468.4(f)/enforcement-finding")
@pytest.mark.parametrize("outcome", ["misread", "wrong_state", "list_out_of_date", "dismissed"])
async def test_enforcement_on_a_hit_that_was_found_wrong_is_a_finding_and_names_the_entry(
    deliver, settled, hit, clock, query, outcome
):
    await deliver(hit.verified(outcome))
    clock.advance(minutes=1)
    await deliver(hit.disposed(reason=REASON))
    [finding] = await settled()
    [verified] = await query("SELECT seq FROM entries WHERE kind = 'hit.verified'")
    assert finding.details["verified_seq"] == verified.seq
    assert f"verified as {outcome.replace('_', ' ')};" in finding.details["why"]


@pytest.mark.clause("468.4(f)/enforcement-finding")
async def test_a_verification_that_came_only_afterwards_does_not_count(
    deliver, settled, hit, clock
):
    disposed = hit.disposed(reason=REASON)
    clock.advance(seconds=1)
    await deliver(disposed, hit.verified())
    [finding] = await settled()
    assert "verified only afterwards;" in finding.details["why"]


@pytest.mark.clause("468.4(f)/enforcement-finding")
async def test_an_order_of_entries_that_differs_from_that_of_the_events_raises_none(
    deliver, findings, settled, hit, clock
):
    verified = hit.verified()
    clock.advance(minutes=2)
    await deliver(hit.disposed(reason=REASON))
    clock.advance(minutes=10)
    await findings()
    await deliver(verified)  # its topic was read later
    assert await settled() == []


@pytest.mark.clause("468.4(f)/enforcement-finding")
@pytest.mark.parametrize(("later", "count"), [(60, 0), (61, 1)])
async def test_a_verification_that_hotlist_had_taken_first_may_say_that_it_was_a_little_later(
    deliver, settled, hit, clock, later, count
):
    disposed = hit.disposed()  # hotlist accepts no such action before a verification
    await deliver(disposed, hit.verified(at=clock.now() + timedelta(seconds=later)))
    found = await settled()
    assert len(found) == count
    assert all("states no reason, which hotlist refuses" in one.details["why"] for one in found)


@pytest.mark.clause("468.4(f)/enforcement-finding")
async def test_the_verification_of_another_hit_does_not_count(deliver, settled, hit, clock):
    other = hit.verified(hit_id=uuid4())
    naming_it = msgspec.structs.replace(
        other, event_id=uuid4(), reference=str(hit.disposed().hit_id)
    )
    clock.advance(minutes=1)
    await deliver(other, naming_it, hit.disposed(reason=REASON))
    assert len(await settled()) == 1


@pytest.mark.clause("468.4(f)/enforcement-finding")
async def test_a_verification_in_the_log_before_this_one_counts(
    deliver, settled, hit, clock, as_owner
):
    await deliver(hit.verified())
    async with as_owner("audit") as connection:
        await connection.execute(text("INSERT INTO old_entries SELECT * FROM entries"))
        await connection.execute(text("ALTER TABLE entries DISABLE TRIGGER USER"))
        await connection.execute(text("DELETE FROM entries"))
        await connection.execute(text("ALTER TABLE entries ENABLE TRIGGER USER"))
    clock.advance(minutes=1)
    await deliver(hit.disposed(reason=REASON))
    assert await settled() == []
