"""Stores the provisioners of accounts that identity's own topic names.

This fills `provisioners` for accounts older than that table, as far as compaction left their events.
"""

from collections.abc import Sequence

from services.identity.actions.announce import account_event
from services.identity.actions.context import Identity
from services.identity.domain.accounts import provisioner_of
from shared.core.certificates import CertificateRefused
from shared.events import AccountChanged
from shared.events.signed_events import verify_event


async def recall(identity: Identity, events: Sequence[AccountChanged]) -> None:
    """Store the provisioners that `events` name, and announce the accounts whose record grew.

    If an account's creation is still in the topic, compaction removed none of its events: all are known.
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
