"""Who had an account in hand, as identity's own topic tells of it: read at each start.

Accounts from before `provisioners` was kept get theirs so, as far as compaction has left them.
"""

from collections.abc import Sequence

from services.identity.actions.announce import account_event
from services.identity.actions.context import Identity
from services.identity.domain.accounts import provisioner_of
from shared.core.certificates import CertificateRefused
from shared.events import AccountChanged
from shared.events.signed_events import verify_event

READ = (AccountChanged,)


async def recall(identity: Identity, events: Sequence[AccountChanged]) -> None:
    """Note the provisioners that `events` name, and announce the accounts of which more is known now.

    While an account's creation is there, nothing of it was compacted away: all of them are known.
    """
    own = [event for event in events if _is_own(identity, event)]
    async with identity.begin() as unit:
        more = set()
        for event in own:
            person = provisioner_of(event)
            if person is not None and await unit.provisioners.add(
                event.account_id, person, event.occurred_at
            ):
                more.add(event.account_id)
        for event in own:
            if event.change == "created" and await unit.provisioners.now_known(event.account_id):
                more.add(event.account_id)
        for account_id in sorted(more):
            account = await unit.accounts.get(account_id, lock=True)
            unit.announce(account_event(account, "announced_again", identity.system))


def _is_own(identity: Identity, event: AccountChanged) -> bool:
    try:
        verify_event(identity.people.trust, event, "tokens", identity.clock.now())
    except CertificateRefused:
        return False
    return True
