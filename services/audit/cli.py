"""The log from the command line: verify it, export it, verify an export, make a key; make its tables.

What leaves through `export` is an access like any other, and is recorded before anything is written.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError
from sqlalchemy.exc import ProgrammingError

from services.audit.door import record_export
from services.audit.export import lines
from services.audit.note import SEED_BYTES, BadNote, Signer, Verifier
from services.audit.recount import Verdict
from services.audit.settings import Settings
from services.audit.store.log import Log
from services.audit.verify import verify_export, verify_stored
from shared import command
from shared.db import Database
from shared.errors import AlprError
from shared.events import Actor
from shared.merkle import Span
from shared.policy import load_policy
from shared.settings import CommonSettings

SERVICE = "audit"
MIGRATIONS = Path(__file__).parent / "migrations"
SHOWN_FAULTS = 20


def run(arguments: Sequence[str]) -> int:
    """Run one command; 0 when all is well, 1 when the log is not what it was, 2 for a wrong call."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except (AlprError, BadNote, OSError) as exc:
        print(f"audit: {exc}", file=sys.stderr)
    except ProgrammingError:
        print("audit: there is no audit log in this database", file=sys.stderr)
    except ValidationError as exc:
        for error in exc.errors(include_input=False):
            print(f"audit: {'.'.join(map(str, error['loc']))}: {error['msg']}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.audit", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="recompute the log in the database")
    verify.set_defaults(run=_verify)
    offline = commands.add_parser("verify-export", help="recompute an exported log")
    offline.add_argument("file", type=Path, help="an export, JSON lines")
    offline.set_defaults(run=_verify_export)
    for one in (verify, offline):
        one.add_argument(
            "--vkey",
            action="append",
            default=[],
            help="a public key, name+hash+key; may be given again",
        )
        one.add_argument(
            "--checkpoint",
            action="append",
            default=[],
            type=Path,
            help="a checkpoint kept elsewhere, which the log must agree with",
        )
    export = commands.add_parser("export", help="write the log as JSON lines")
    export.add_argument("file", type=Path, help="where to; must not exist")
    export.add_argument("--person-id", required=True, help="who exports: account id")
    export.add_argument("--name", required=True)
    export.add_argument("--title", required=True)
    export.add_argument("--reason", required=True, help="why; kept in the access record")
    export.set_defaults(run=_export)
    key = commands.add_parser("keygen", help="make a signing key")
    key.set_defaults(run=_keygen)
    tables = commands.add_parser("migrate", help=command.MIGRATE)
    tables.set_defaults(run=lambda _: command.migrate(SERVICE, MIGRATIONS))
    for one in (export, key):
        one.add_argument(
            "--origin",
            default=os.environ.get("AUDIT_ORIGIN", Settings.model_fields["audit_origin"].default),
            help="the log's name in its checkpoints; default: AUDIT_ORIGIN",
        )
    return parser


def _verify(asked: argparse.Namespace) -> int:
    """Verify the log in DATABASE_URL."""
    if asked.vkey:
        verifiers = [Verifier.parse(vkey) for vkey in asked.vkey]
        origin, settings = verifiers[0].name, CommonSettings()
    else:
        own = Settings()
        verifiers, origin, settings = own.verifiers, own.audit_origin, own
    return _say(asyncio.run(_verified(settings, origin, verifiers, _kept(asked))))


async def _verified(
    settings: CommonSettings, origin: str, verifiers: list[Verifier], kept: list[str]
) -> Verdict:
    db = Database(settings.database_link(), SERVICE, pool_size=1)
    try:
        async with db.begin() as connection:
            return await verify_stored(connection, origin, verifiers, kept)
    finally:
        await db.close()


def _verify_export(asked: argparse.Namespace) -> int:
    """Verify an export with public keys alone."""
    if not asked.vkey:
        raise BadNote("name the log's public key with --vkey")
    verifiers = [Verifier.parse(vkey) for vkey in asked.vkey]
    with asked.file.open("rb") as file:
        return _say(verify_export(iter(file), verifiers, _kept(asked)))


def _kept(asked: argparse.Namespace) -> list[str]:
    return [path.read_text() for path in asked.checkpoint]


def _say(verdict: Verdict) -> int:
    """Print a verdict, last as one line of JSON; return the exit status."""
    print(f"entries      {verdict.entries}")
    print(f"checkpoints  {verdict.checkpoints}")
    print(f"root         {b64encode(verdict.root).decode()}")
    for fault in verdict.faults[:SHOWN_FAULTS]:
        print(f"FAULT        {fault.what}")
    if (more := len(verdict.faults) - SHOWN_FAULTS) > 0:
        print(f"FAULT        and {more} more")
    summary = {
        "ok": verdict.ok,
        "entries": verdict.entries,
        "checkpoints": verdict.checkpoints,
        "root": b64encode(verdict.root).decode(),
        "faults": len(verdict.faults),
        "first_bad": verdict.first_bad,
    }
    print(json.dumps(summary))
    return 0 if verdict.ok else 1


def _export(asked: argparse.Namespace) -> int:
    settings = CommonSettings()
    ori = load_policy(settings.policy_file).department.ori
    actor = Actor(person_id=asked.person_id, name=asked.name, title=asked.title, agency_ori=ori)
    descriptor = os.open(asked.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        count = asyncio.run(_exported(settings, actor, asked, file))
    print(f"{count} entries written to {asked.file}")
    return 0


async def _exported(
    settings: CommonSettings, actor: Actor, asked: argparse.Namespace, file: BinaryIO
) -> int:
    db = Database(settings.database_link(), SERVICE, pool_size=1)
    try:
        async with db.begin() as connection:
            size = await Log(connection).size()
            await record_export(connection, SERVICE, actor, asked.reason, size)
        async with db.begin() as connection:
            async for line in lines(connection, asked.origin, Span(0, size)):
                file.write(line)
        return size
    finally:
        await db.close()


def _keygen(asked: argparse.Namespace) -> int:
    """Print a new key for AUDIT_SIGNING_KEY, and the public key to give to auditors."""
    seed = secrets.token_bytes(SEED_BYTES)
    print(f"AUDIT_SIGNING_KEY={b64encode(seed).decode()}")
    print(f"public key: {Signer(asked.origin, seed).verifier.vkey}")
    return 0
