"""Commands for the log: verify it, export it, verify an export or a report, redraw its samples, make or change a key.

`export` is an access like any other: the log records it before the file is written.
"""

import asyncio
import json
import os
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
from sqlalchemy.exc import ProgrammingError

from services.audit.actions.access_record import log_values_export, record_export, record_refusal
from services.audit.actions.audit_reports import differences
from services.audit.actions.checkpointing import Checkpointer
from services.audit.actions.exports import Begun
from services.audit.actions.figures_command import figures_command
from services.audit.actions.notice_commands import NOTICES
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
from shared.postgres.database import Database, database_of
from shared.service.command import PERSON, Answer, by_name, command, person_of

SERVICE = "audit"
PRINTED_FAULTS = 20
PURPOSE = "audit"
"""The only kind of purpose for an export of sealed values."""


VERIFICATION = (
    click.Option(
        ["--vkey"],
        multiple=True,
        help="The log's first public key, name+hash+key; repeat it for the later keys, in order. "
        "If you leave those out, the log's own entries name them.",
    ),
    click.Option(
        ["--checkpoint"],
        multiple=True,
        type=click.Path(path_type=Path),
        help="A checkpoint kept elsewhere, to compare with the log.",
    ),
)
"""The log's public keys, and checkpoints to compare with it."""

EXPORT_FILE = click.Argument(["file"], type=click.Path(path_type=Path))


@command(
    "verify",
    *VERIFICATION,
    click.Option(
        ["--own-key"],
        is_flag=True,
        help="Use the public key of this service's own AUDIT_SIGNING_KEY; convinces only people who trust "
        "the service.",
    ),
    faults=(BadNote,),
)
def _verify(*, vkey: Sequence[str], checkpoint: Sequence[Path], own_key: bool) -> Answer:
    """Recompute the log in the database."""
    if own_key:
        own = SigningSettings()
        settings: LogSettings = own
        keys = [*(_keys(vkey) or [own.signers[0].verifier])]
    else:
        keys, settings = _keys(vkey), LogSettings()
    if not keys:
        raise BadNote(
            "give the log's public key with --vkey, or use the service's own with --own-key"
        )
    return said(asyncio.run(_verified(settings, keys, _texts(checkpoint))), keys)


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
            link=settings.database_link(),
        )


@command("verify-export", EXPORT_FILE, *VERIFICATION, faults=(BadNote,))
def _verify_export(*, file: Path, vkey: Sequence[str], checkpoint: Sequence[Path]) -> Answer:
    """Recompute an exported log, JSON lines, with public keys alone."""
    return _recomputed(file, vkey, checkpoint)


def _recomputed(file: Path, vkey: Sequence[str], checkpoint: Sequence[Path]) -> Answer:
    if not vkey:
        raise BadNote("give the log's public key with --vkey")
    keys = _keys(vkey)
    with file.open("rb") as lines:
        return said(verify_export(lines_of(lines), keys, _texts(checkpoint)), keys)


@command("redraw", EXPORT_FILE, *VERIFICATION, faults=(BadNote,))
def _redraw(*, file: Path, vkey: Sequence[str], checkpoint: Sequence[Path]) -> Answer:
    """Verify an exported log from entry 0 on, and draw its audits' samples again."""
    recomputed = _recomputed(file, vkey, checkpoint)
    if recomputed.status:
        return recomputed
    redraw = Redraw()
    with file.open("rb") as exported:
        redraw.add_lines(lines_of(exported))
    lines = [recomputed.text]
    for period in redraw.periods:
        lines.append(
            f"period       {period.occurred_from:%Y-%m-%d} to {period.occurred_to:%Y-%m-%d}"
        )
        state = "NOT DRAWN" if period.drawn_in is None else f"drawn in entry {period.drawn_in}"
        lines.append(
            f"             {len(period.population)} accesses, fixed in entry {period.seq}, {state}"
        )
        if (sample := period.sample) is None:
            lines.append("             the checkpoint of its seed is not in the export")
        else:
            lines.append(f"sample       {','.join(map(str, sample))}")
    lines += [f"FAULT        {fault}" for fault in redraw.faults]
    summary = {
        "ok": not redraw.faults,
        "periods": len(redraw.periods),
        "drawn": sum(period.drawn_in is not None for period in redraw.periods),
        "faults": len(redraw.faults),
    }
    text = "\n".join([*lines, json.dumps(summary)])
    return Answer(text, {"log": recomputed.data, **summary}, int(bool(redraw.faults)))


@command(
    "verify-report",
    click.Argument(["report"], type=click.Path(path_type=Path)),
    EXPORT_FILE,
    *VERIFICATION,
    faults=(BadNote,),
)
def _verify_report(
    *, report: Path, file: Path, vkey: Sequence[str], checkpoint: Sequence[Path]
) -> Answer:
    """Verify an exported log from entry 0 on, and compare the report of an audit with what it gives."""
    recomputed = _recomputed(file, vkey, checkpoint)
    if recomputed.status:
        return recomputed
    page = report.read_bytes().decode(errors="replace")
    with file.open("rb") as exported:
        found = differences(page, lines_of(exported))
    summary = {"ok": not found, "faults": len(found)}
    lines = [recomputed.text, *(f"FAULT        {one}" for one in found[:PRINTED_FAULTS])]
    text = "\n".join([*lines, json.dumps(summary)])
    return Answer(text, {"log": recomputed.data, **summary}, int(bool(found)))


def _keys(vkeys: Sequence[str]) -> list[Verifier]:
    return [Verifier.parse(vkey) for vkey in vkeys]


def _texts(paths: Sequence[Path]) -> list[str]:
    return [path.read_text() for path in paths]


def said(verdict: LogReport, keys: Sequence[Verifier]) -> Answer:
    """Return a verdict as an answer, with a summary in JSON as the last line of its text."""
    lines = [
        f"entries      {verdict.entries}",
        f"checkpoints  {verdict.checkpoints}",
        f"unsigned     {verdict.unsigned_entries}",
        f"values       {verdict.values} compared, {verdict.left_out} left out of the export",
        f"root         {b64encode(verdict.root).decode()}",
        *(f"key          {key.vkey}" for key in keys),
        *(
            f"erased       {erased.groups} values under purge {erased.run_id},"
            f" certificate {erased.certificate}"
            for erased in verdict.erased
        ),
    ]
    lines += [f"FAULT        {fault.what}" for fault in verdict.faults[:PRINTED_FAULTS]]
    if (more := verdict.fault_count - PRINTED_FAULTS) > 0:
        lines.append(f"FAULT        and {more} more")
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
    text = "\n".join([*lines, json.dumps(summary)])
    return Answer(text, summary, 0 if verdict.ok else 1)


@dataclass(frozen=True)
class Asked:
    """An export that an operator asks for."""

    file: Path
    values: bool
    old_log: bool
    purpose: str | None
    reason: str


@command(
    "export",
    click.Argument(["file"], type=click.Path(path_type=Path)),
    click.Option(
        ["--with-values"],
        is_flag=True,
        help="Include the sealed values: plates, cameras and times of sightings. Requires --purpose; the "
        "log records it in an entry values.exported.",
    ),
    click.Option(
        ["--old-log"],
        is_flag=True,
        help="Export the log before this one, whose entries have their values in plaintext; requires "
        "--with-values.",
    ),
    click.Option(["--purpose"], help="The declared purpose, required with --with-values: audit."),
    *PERSON,
    faults=(BadNote,),
)
def _export(
    *, file: Path, with_values: bool, old_log: bool, purpose: str | None, **who: str
) -> Answer:
    """Write the log as JSON lines to a file that does not exist; the log records it first."""
    asked = Asked(file, with_values, old_log, purpose, who["reason"])
    settings = SigningSettings()
    actor = _actor(settings, who)
    asyncio.run(_permitted(settings, actor, asked))
    descriptor = os.open(asked.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        count = asyncio.run(_exported(settings, actor, asked, written))
    return Answer(f"{count} entries written to {file}", {"entries": count, "file": str(file)})


async def _permitted(settings: SigningSettings, actor: Actor, asked: Asked) -> None:
    """Check the purpose of an export with values.

    Raises: InternalFault for the old log without --with-values; for a missing purpose or a short reason, after it
    records the refusal.
    """
    if asked.old_log and not asked.values:
        raise InternalFault("the old log has its values in plaintext: add --with-values")
    if not asked.values:
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
    async with database_of(settings.database_link(), SERVICE, mac_key=mac_key) as db:
        try:
            yield db
        except ProgrammingError as exc:
            raise InternalFault("there is no audit log in this database") from exc


def _actor(settings: SigningSettings, who: Mapping[str, str]) -> Actor:
    return person_of(who, load_policy(settings.policy_file).department.ori)


@command("rotate-key", *PERSON, faults=(BadNote,))
def _rotate_key(**who: str) -> Answer:
    """Change the key that signs checkpoints to AUDIT_NEXT_SIGNING_KEY; the log records the change."""
    settings = SigningSettings()
    if settings.audit_next_signing_key is None:
        raise InternalFault("give the next key as AUDIT_NEXT_SIGNING_KEY, beside AUDIT_SIGNING_KEY")
    changed = asyncio.run(_rotated(settings, _actor(settings, who), who["reason"]))
    return Answer(
        f"old key  {changed.old_key}\nnew key  {changed.new_key}\n"
        "Keep both public keys. Once every replica signs with the new key, give it as\n"
        "AUDIT_SIGNING_KEY, without AUDIT_NEXT_SIGNING_KEY, and destroy the old one.",
        {"old_key": changed.old_key, "new_key": changed.new_key},
    )


async def _rotated(settings: SigningSettings, actor: Actor, reason: str) -> SigningKeyChanged:
    async with _database(settings) as db, db.begin() as connection:
        await Log(connection).lock()
        checkpointer = Checkpointer(settings.signers, SERVICE)
        return await checkpointer.change_key(connection, actor, reason, datetime.now(UTC))


async def _exported(settings: SigningSettings, actor: Actor, asked: Asked, file: BinaryIO) -> int:
    checkpointer = Checkpointer(settings.signers, SERVICE)
    values, old = asked.values, asked.old_log
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


@command(
    "keygen",
    click.Option(
        ["--origin"],
        default=lambda: os.environ.get(
            "AUDIT_ORIGIN", LogSettings.model_fields["audit_origin"].default
        ),
        help="The start of the log's name; default: AUDIT_ORIGIN.",
    ),
    faults=(BadNote,),
)
def _keygen(*, origin: str) -> Answer:
    """Make a signing key, and print it with its public key, which auditors receive."""
    seed = secrets.token_bytes(SEED_BYTES)
    key, public = b64encode(seed).decode(), Signer(origin_of(origin), seed).verifier.vkey
    return Answer(
        f"AUDIT_SIGNING_KEY={key}\npublic key: {public}",
        {"AUDIT_SIGNING_KEY": key, "public_key": public},
    )


COMMANDS = by_name(
    _verify,
    _verify_export,
    _redraw,
    _verify_report,
    _export,
    _rotate_key,
    _keygen,
    NOTICES,
    figures_command,
)
