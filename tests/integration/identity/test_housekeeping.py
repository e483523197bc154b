"""Identity's periodic work: accounts, sessions and keys that end, and the warning before its certificate ends."""

import pytest
from sqlalchemy import text

from services.identity.workers import housekeeping, issuer_certificate
from shared.core.errors import DependencyDown
from shared.events import AccountChanged, KeyPublished, SessionChanged


@pytest.mark.clause("468.6/inactive")
async def test_housekeeping_disables_closes_and_rotates(
    hire, administrator, identity, clock, published
):
    officer = await hire("o.seven", "officer")
    keys = len(await published(KeyPublished))
    clock.advance(days=91)
    await housekeeping.once(identity)
    closed = [e for e in await published(SessionChanged) if e.change == "closed"]
    people = {officer.account_id, administrator.account_id}
    assert {str(e.account_id) for e in closed} == people
    disabled = [e for e in await published(AccountChanged) if e.change == "disabled"]
    assert {str(e.account_id) for e in disabled} == people
    assert len(await published(KeyPublished)) > keys


async def test_housekeeping_closes_sessions_of_accounts_in_use(hire, identity, clock, published):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=31)
    await housekeeping.once(identity)
    closed = [e for e in await published(SessionChanged) if e.change == "closed"]
    assert officer.account_id in {str(e.account_id) for e in closed}
    assert {e.reason for e in closed} == {"idle for more than 30 minutes"}


async def test_refresh_tokens_of_a_closed_session_are_known_for_a_day(
    hire, identity, clock, published
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=31)
    await housekeeping.once(identity)
    for _ in range(2):
        clock.advance(hours=12)
        await housekeeping.once(identity)
        assert (await officer.renew()).status_code == 401
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert [e.account_id and str(e.account_id) for e in refused] == [officer.account_id] * 2
    clock.advance(seconds=1)
    await housekeeping.once(identity)
    assert (await officer.renew()).status_code == 401
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert (refused[-1].account_id, refused[-1].reason) == (None, "unknown refresh token")
    async with identity.begin() as unit:
        left = await unit.connection.execute(text("SELECT count(*) FROM refresh_tokens"))
    assert left.scalar_one() == 0


async def test_an_issuer_certificate_is_told_of_sixty_days_before_its_end(identity, clock):
    ends = identity.issuer.certificate.not_after
    clock.advance(seconds=(ends - clock.now()).total_seconds() - 60 * 86400 - 1)
    await issuer_certificate.check_certificate(identity)
    clock.advance(seconds=1)
    with pytest.raises(DependencyDown, match=f"{ends:%Y-%m-%d}"):
        await issuer_certificate.check_certificate(identity)
