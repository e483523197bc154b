"""Commands for the log: verify it, export it, verify an export, redraw its samples, make a key, change the key.

`export` is an access like any other: the log records it before the file is written.
"""

import argparse
import asyncio
import json
import os
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import ProgrammingError

from services.audit.actions.access_record import log_values_export, record_export, record_refusal
from services.audit.actions.checkpointing import Checkpointer
from services.audit.actions.exports import Begun
from services.audit.actions.redraw import Redraw
from services.audit.actions.verify import lines_of, verify_export, verify_stored
from services.audit.domain.exports import WantedExport
from services.audit.domain.recount import LogReport
from services.audit.settings import LogSettings, SigningSettings, origin_of
from services.audit.store.log import OLD, Log
from shared.core.errors import InternalFault
from shared.core.merkle import Span
from shared.core.policy import load_policy
from shared.core.signed_notes import SEED_BYTES, BadNote, Signer, Verifier
from shared.events import Actor, PurposeRecord, SigningKeyChanged
from shared.postgres.database import Database
from shared.service.command import declare_person, person_of

SERVICE = "audit"
PRINTED_FAULTS = 20
PURPOSE = "audit"
"""The only kind of purpose for an export of sealed values."""


def declare_verification(parser: argparse.ArgumentParser) -> None:
    """Declare the log's public keys, and checkpoints to compare with it."""
    parser.add_argument(
        "--vkey",
        action="append",
        default=[],
        help="the log's first public key, name+hash+key; repeat it for the later keys, in order. "
        "If you leave those out, the log's own entries name them",
    )
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        type=Path,
        help="a checkpoint kept elsewhere, to compare with the log",
    )


def declare_verify(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `verify`."""
    declare_verification(parser)
    parser.add_argument(
        "--own-key",
        action="store_true",
        help="use the public key of this service's own AUDIT_SIGNING_KEY; convinces only people who trust "
        "the service",
    )


def declare_export_file(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `verify-export` and `redraw`."""
    parser.add_argument("file", type=Path, help="an export, JSON lines; for redraw, from entry 0")
    declare_verification(parser)


def declare_export(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `export`."""
    parser.add_argument("file", type=Path, help="the file to write; it must not exist")
    parser.add_argument(
        "--with-values",
        action="store_true",
        help="include the sealed values: plates, cameras and times of sightings. Requires --purpose; the "
        "log records it in an entry values.exported",
    )
    parser.add_argument(
        "--old-log",
        action="store_true",
        help="export the log before this one, whose entries have their values in plaintext; requires --with-values",
    )
    parser.add_argument(
        "--purpose",
        help="the declared purpose, required with --with-values: audit",
    )
    declare_person(parser)


def declare_keygen(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `keygen`."""
    parser.add_argument(
        "--origin",
        default=os.environ.get("AUDIT_ORIGIN", LogSettings.model_fields["audit_origin"].default),
        help="the start of the log's name; default: AUDIT_ORIGIN",
    )


def verify_command(asked: argparse.Namespace) -> int:
    """Verify the log in DATABASE_URL."""
    if asked.own_key:
        own = SigningSettings()
        settings: LogSettings = own
        keys = [*(_given(asked) or [own.signers[0].verifier])]
    else:
        keys, settings = _given(asked), LogSettings()
    if not keys:
        raise BadNote(
            "give the log's public key with --vkey, or use the service's own with --own-key"
        )
    return say(asyncio.run(_verified(settings, keys, _checkpoint_texts(asked))), keys)


async def _verified(
    settings: LogSettings, keys: list[Verifier], checkpoints: list[str]
) -> LogReport:
    async with _database(settings) as db, db.begin() as connection:
        return await verify_stored(
            connection,
            keys[0].name,
            keys,
            checkpoints,
            cadence=settings.cadence,
            now=datetime.now(UTC),
        )


def verify_export_command(asked: argparse.Namespace) -> int:
    """Verify an export with public keys alone."""
    if not asked.vkey:
        raise BadNote("give the log's public key with --vkey")
    keys = _given(asked)
    with asked.file.open("rb") as file:
        return say(verify_export(lines_of(file), keys, _checkpoint_texts(asked)), keys)


def redraw_command(asked: argparse.Namespace) -> int:
    """Verify an export, redraw the sample of each period and compare it with the recorded one."""
    if status := verify_export_command(asked):
        return status
    redraw = Redraw()
    with asked.file.open("rb") as file:
        redraw.add_lines(lines_of(file))
    for period in redraw.periods:
        print(f"period       {period.occurred_from:%Y-%m-%d} to {period.occurred_to:%Y-%m-%d}")
        state = "NOT DRAWN" if period.drawn_in is None else f"drawn in entry {period.drawn_in}"
        print(
            f"             {len(period.population)} accesses, fixed in entry {period.seq}, {state}"
        )
        if (sample := period.sample) is None:
            print("             the checkpoint of its seed is not in the export")
        else:
            print(f"sample       {','.join(map(str, sample))}")
    for fault in redraw.faults:
        print(f"FAULT        {fault}")
    drawn = sum(period.drawn_in is not None for period in redraw.periods)
    summary = {
        "ok": not redraw.faults,
        "periods": len(redraw.periods),
        "drawn": drawn,
        "faults": len(redraw.faults),
    }
    print(json.dumps(summary))
    return int(bool(redraw.faults))


def _given(asked: argparse.Namespace) -> list[Verifier]:
    return [Verifier.parse(vkey) for vkey in asked.vkey]


def _checkpoint_texts(asked: argparse.Namespace) -> list[str]:
    return [path.read_text() for path in asked.checkpoint]


def say(verdict: LogReport, keys: Sequence[Verifier]) -> int:
    """Print a verdict, with a summary in JSON as the last line; return the exit status."""
    print(f"entries      {verdict.entries}")
    print(f"checkpoints  {verdict.checkpoints}")
    print(f"unsigned     {verdict.unsigned_entries}")
    print(f"values       {verdict.values} compared, {verdict.left_out} left out of the export")
    print(f"root         {b64encode(verdict.root).decode()}")
    for key in keys:
        print(f"key          {key.vkey}")
    for erased in verdict.erased:
        print(
            f"erased       {erased.groups} values under purge {erased.run_id},"
            f" certificate {erased.certificate}"
        )
    for fault in verdict.faults[:PRINTED_FAULTS]:
        print(f"FAULT        {fault.what}")
    if (more := verdict.fault_count - PRINTED_FAULTS) > 0:
        print(f"FAULT        and {more} more")
    summary = {
        "ok": verdict.ok,
        "entries": verdict.entries,
        "checkpoints": verdict.checkpoints,
        "unsigned_entries": verdict.unsigned_entries,
        "root": b64encode(verdict.root).decode(),
        "keys": [key.key_id for key in keys],
        "values": verdict.values,
        "values_left_out": verdict.left_out,
        "erased": sum(erased.groups for erased in verdict.erased),
        "faults": verdict.fault_count,
        "first_bad": verdict.first_bad,
    }
    print(json.dumps(summary))
    return 0 if verdict.ok else 1


def export_command(asked: argparse.Namespace) -> int:
    """Write the log to a file; the log records it first."""
    settings = SigningSettings()
    actor = _actor(settings, asked)
    asyncio.run(_permitted(settings, actor, asked))
    descriptor = os.open(asked.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        count = asyncio.run(_exported(settings, actor, asked, file))
    print(f"{count} entries written to {asked.file}")
    return 0


async def _permitted(settings: SigningSettings, actor: Actor, asked: argparse.Namespace) -> None:
    """Check the purpose of an export with values.

    Raises: InternalFault for the old log without --with-values; for a missing purpose or a short reason, after it
    records the refusal.
    """
    if asked.old_log and not asked.with_values:
        raise InternalFault("the old log has its values in plaintext: add --with-values")
    if not asked.with_values:
        return
    least = load_policy(settings.policy_file).purposes.minimum_justification_characters
    if asked.purpose != PURPOSE:
        reason = f"an export of sealed values requires --purpose {PURPOSE}"
    elif len(asked.reason.strip()) < least:
        reason = f"--reason must have at least {least} characters"
    else:
        return
    declared = PurposeRecord(kind=asked.purpose or "none", justification=asked.reason)
    async with _database(settings) as db, db.begin() as connection:
        await record_refusal(connection, SERVICE, actor, declared, reason)
    raise InternalFault(reason)


@asynccontextmanager
async def _database(settings: LogSettings) -> AsyncIterator[Database]:
    """Open the log's database. Raises: InternalFault if it has no log."""
    mac_key = settings.mac_key_of(SERVICE) if isinstance(settings, SigningSettings) else None
    db = Database(settings.database_link(), SERVICE, pool_size=1, mac_key=mac_key)
    try:
        yield db
    except ProgrammingError as exc:
        raise InternalFault("there is no audit log in this database") from exc
    finally:
        await db.close()


def _actor(settings: SigningSettings, asked: argparse.Namespace) -> Actor:
    return person_of(asked, load_policy(settings.policy_file).department.ori)


def rotate_command(asked: argparse.Namespace) -> int:
    """Change the key that signs checkpoints; the log records the change."""
    settings = SigningSettings()
    if settings.audit_next_signing_key is None:
        raise InternalFault("give the next key as AUDIT_NEXT_SIGNING_KEY, beside AUDIT_SIGNING_KEY")
    changed = asyncio.run(_rotated(settings, _actor(settings, asked), asked.reason))
    print(f"old key  {changed.old_key}")
    print(f"new key  {changed.new_key}")
    print("Keep both public keys. Once every replica signs with the new key, give it as")
    print("AUDIT_SIGNING_KEY, without AUDIT_NEXT_SIGNING_KEY, and destroy the old one.")
    return 0


async def _rotated(settings: SigningSettings, actor: Actor, reason: str) -> SigningKeyChanged:
    async with _database(settings) as db, db.begin() as connection:
        await Log(connection).lock()
        checkpointer = Checkpointer(settings.signers, SERVICE)
        return await checkpointer.change_key(connection, actor, reason, datetime.now(UTC))


async def _exported(
    settings: SigningSettings, actor: Actor, asked: argparse.Namespace, file: BinaryIO
) -> int:
    checkpointer = Checkpointer(settings.signers, SERVICE)
    values, old = asked.with_values, asked.old_log
    origin = settings.audit_origin if old else settings.log_origin
    purpose = PurposeRecord(kind=PURPOSE, justification=asked.reason)
    async with _database(settings) as db:
        async with db.begin() as connection:
            await Log(connection).lock()
            if not (size := await Log(connection, OLD if old else "").size()):
                raise InternalFault("the log has no entry to export")
            now = datetime.now(UTC)
            export = await record_export(
                connection, SERVICE, actor, purpose, size, values=values, old_log=old
            )
            note = None if old else await checkpointer.sign_for(connection, size, now)
            if values:
                await log_values_export(connection, SERVICE, origin, export, now)
        begun = Begun(WantedExport(with_values=values, old_log=old), origin, Span(0, size), note)
        async with db.begin() as connection:
            async for piece in begun.lines(connection):
                file.write(piece)
        return size


def keygen_command(asked: argparse.Namespace) -> int:
    """Print a new AUDIT_SIGNING_KEY and its public key, which auditors receive."""
    seed = secrets.token_bytes(SEED_BYTES)
    print(f"AUDIT_SIGNING_KEY={b64encode(seed).decode()}")
    print(f"public key: {Signer(origin_of(asked.origin), seed).verifier.vkey}")
    return 0
