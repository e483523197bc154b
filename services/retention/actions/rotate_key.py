"""`python -m services.retention rotate-key`: sign from now on with RETENTION_NEXT_SIGNING_KEY, on record."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from services.retention.actions.signer import SigningKeys, signers_of
from services.retention.domain.signing import KeyFault
from services.retention.settings import Settings
from shared.core.errors import AlprError, InternalFault
from shared.core.policy import load_policy
from shared.events import Actor, SigningKeyChanged
from shared.postgres.database import Database

SERVICE = "retention"


def rotate_command(arguments: Sequence[str]) -> int:
    """Change the key; return 0 when it is changed, 2 with the reason when it is not."""
    parser = argparse.ArgumentParser(
        prog="python -m services.retention rotate-key", description=__doc__
    )
    for name, what in (
        ("--person-id", "who does it: account id"),
        ("--name", "name"),
        ("--title", "title"),
        ("--reason", "why; kept in the log"),
    ):
        parser.add_argument(name, required=True, help=what)
    asked = parser.parse_args(arguments)
    try:
        changed = asyncio.run(_rotated(Settings(), asked))
    except (AlprError, KeyFault) as exc:
        print(f"{SERVICE}: {exc}", file=sys.stderr)
    except ValidationError as exc:
        for error in exc.errors(include_input=False):
            print(f"{SERVICE}: {'.'.join(map(str, error['loc']))}: {error['msg']}", file=sys.stderr)
    else:
        print(changed.new_key, end="")
        print(
            "Packages and certificates are signed with this key from now on. Once every replica has"
        )
        print("it, give it as RETENTION_SIGNING_KEY, without RETENTION_NEXT_SIGNING_KEY.")
        return 0
    return 2


async def _rotated(settings: Settings, asked: argparse.Namespace) -> SigningKeyChanged:
    if settings.retention_next_signing_key is None:
        raise InternalFault(
            "give the next key as RETENTION_NEXT_SIGNING_KEY, beside the one in force"
        )
    ori = load_policy(settings.policy_file).department.ori
    actor = Actor(person_id=asked.person_id, name=asked.name, title=asked.title, agency_ori=ori)
    mac_key = settings.mac_key_of(SERVICE)
    db = Database(settings.database_link(), SERVICE, pool_size=1, mac_key=mac_key)
    now = datetime.now(UTC)
    try:
        async with db.begin() as connection:
            keys = SigningKeys(db, await signers_of(connection, settings, now))
            return await keys.change(connection, SERVICE, actor, asked.reason, now)
    finally:
        await db.close()
