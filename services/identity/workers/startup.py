"""What identity announces of its accounts at each start."""

from services.identity.actions.announce import account_changed, account_event
from services.identity.actions.context import Identity
from services.identity.actions.keys import longest_token

EXCLUSIVE_ROLES = "exclusive_roles_found"
ANNOUNCED_AT_ONCE = 200


async def recall_people(identity: Identity) -> None:
    """Learn every account, and announce again those that changed within the longest token's lifetime.

    This way a change that a broker lost before writing it to disk still reaches every service. Under a new issuer
    certificate, or after the upgrade to signed accounts, this announces all accounts.
    """
    async with identity.begin() as unit:
        for account in await unit.accounts.changed_since(unit.now - longest_token(unit.policy)):
            unit.announce(account_event(account, "announced_again", identity.system))
    serial = identity.issuer.certificate.serial
    announced = 1
    while announced:
        async with identity.begin() as unit:
            others = await unit.accounts.not_announced_under(serial, ANNOUNCED_AT_ONCE)
            for account in others:
                unit.announce(account_event(account, "announced_again", identity.system))
            announced = len(others)
    async with identity.begin() as unit:
        for account in await unit.accounts.all():
            identity.people.know(account_event(account, "known", identity.system))


async def announce_exclusive_roles(identity: Identity) -> int:
    """Announce the accounts whose roles exclude each other under the policy; return how many.

    They keep their rights, since a department may have no one else. Audit records a finding for each.
    """
    count = 0
    async with identity.begin() as unit:
        for account in await unit.accounts.all():
            pairs = unit.policy.exclusive_roles.pairs_in(account.roles)
            if account.status == "separated" or not pairs:
                continue
            locked = await unit.accounts.get(account.account_id, lock=True)
            await account_changed(
                unit, locked, EXCLUSIVE_ROLES, identity.system, roles=locked.roles, pairs=pairs
            )
            count += 1
    return count
