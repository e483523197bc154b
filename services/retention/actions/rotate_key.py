"""`python -m services.retention rotate-key`: sign from now on with RETENTION_NEXT_SIGNING_KEY, on record."""

import argparse
import asyncio
from datetime import UTC, datetime

from services.retention.actions.signer import SigningKeys, signers_of
from services.retention.settings import Settings
from shared.core.errors import InternalFault
from shared.core.policy import load_policy
from shared.events import SigningKeyChanged
from shared.postgres.database import Database
from shared.service.command import person_of

SERVICE = "retention"


def rotate_command(asked: argparse.Namespace) -> int:
    """Change the key; return 0. Raises: AlprError, KeyFault, ValueError."""
    changed = asyncio.run(_rotated(Settings(), asked))
    print(changed.new_key, end="")
    print("Packages and certificates are signed with this key from now on. Once every replica has")
    print("it, give it as RETENTION_SIGNING_KEY, without RETENTION_NEXT_SIGNING_KEY.")
    return 0


async def _rotated(settings: Settings, asked: argparse.Namespace) -> SigningKeyChanged:
    if settings.retention_next_signing_key is None:
        raise InternalFault(
            "give the next key as RETENTION_NEXT_SIGNING_KEY, beside the one in force"
        )
    actor = person_of(asked, load_policy(settings.policy_file).department.ori)
    mac_key = settings.mac_key_of(SERVICE)
    db = Database(settings.database_link(), SERVICE, pool_size=1, mac_key=mac_key)
    now = datetime.now(UTC)
    try:
        async with db.begin() as connection:
            keys = SigningKeys(db, await signers_of(connection, settings, now))
            return await keys.change(connection, SERVICE, actor, asked.reason, now)
    finally:
        await db.close()
