"""`python -m services.retention rotate-key`: sign from now on with RETENTION_NEXT_SIGNING_KEY, on record."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from services.retention.actions.signer import SigningKeys, signers_of
from services.retention.domain.signing import KeyFault
from services.retention.settings import Settings
from shared.core.errors import InternalFault
from shared.core.policy import load_policy
from shared.events import SigningKeyChanged
from shared.postgres.database import database_of
from shared.service.command import PERSON, Answer, command, person_of

SERVICE = "retention"


@command("rotate-key", *PERSON, faults=(KeyFault,))
def rotate_key(**who: str) -> Answer:
    """Sign packages and certificates with RETENTION_NEXT_SIGNING_KEY from now on, on record."""
    changed = asyncio.run(_rotated(Settings(), who))
    return Answer(
        f"{changed.new_key}"
        "Packages and certificates are signed with this key from now on. Once every replica has\n"
        "it, give it as RETENTION_SIGNING_KEY, without RETENTION_NEXT_SIGNING_KEY.",
        {"new_key": changed.new_key},
    )


async def _rotated(settings: Settings, who: Mapping[str, str]) -> SigningKeyChanged:
    if settings.retention_next_signing_key is None:
        raise InternalFault(
            "give the next key as RETENTION_NEXT_SIGNING_KEY, beside the one in force"
        )
    actor = person_of(who, load_policy(settings.policy_file).department.ori)
    mac_key = settings.mac_key_of(SERVICE)
    now = datetime.now(UTC)
    async with (
        database_of(settings.database_link(), SERVICE, mac_key=mac_key) as db,
        db.begin() as connection,
    ):
        keys = SigningKeys(db, await signers_of(connection, settings, now))
        return await keys.change(connection, SERVICE, actor, who["reason"], now)
