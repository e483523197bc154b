"""The commands `plateward export`, `verify-export` and `import`."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from local.backup import restoring
from local.backup.answers import lines_of, restored_answer, shortfalls
from local.backup.commands import (
    FOLDER_OF_STACK,
    KEYS_TO,
    PRIVATE_KEY,
    audit_origin,
)
from local.backup.installation import installation, new_installation
from local.backup.recipient import RECIPIENT, public_half
from local.backup.waiting import WAIT_S
from local.export import importing, making
from local.export.layout import ExportFolder
from local.stack.process import LocalError
from local.stack.servers import ROOT
from shared.core.signed_notes import BadNote, Verifier
from shared.service.command import FAULT, PERSON, Answer, Unfinished, by_name, command, person_of

EXPORT = click.Argument(["export"], metavar="FOLDER", type=click.Path(path_type=Path))
VKEY = click.Option(
    ["--vkey"],
    multiple=True,
    required=True,
    help="The audit log's first public key, name+hash+key; repeat it for the later keys. It comes from outside the "
    "export.",
)


@command(
    "export",
    EXPORT,
    click.Option(
        ["--recipient"],
        type=public_half,
        metavar="TEXT",
        envvar=RECIPIENT,
        help=f"The public half that `plateward backup-key` printed; default: {RECIPIENT}. The keys are sealed to it.",
    ),
    click.Option(["--without-keys"], is_flag=True, help="Export without keys."),
    click.Option(
        ["--wait-s"],
        type=click.FloatRange(0, 86_400),
        default=WAIT_S,
        show_default=True,
        help="The longest wait until the services have processed what Kafka has acknowledged.",
    ),
    click.Option(["--without-kafka"], is_flag=True, help="Do not wait, and record no offsets."),
    FOLDER_OF_STACK,
    *PERSON,
    faults=(LocalError, BadNote, ValueError),
)
def export_command(
    *,
    export: Path,
    recipient: str | None,
    without_keys: bool,
    wait_s: float,
    without_kafka: bool,
    folder: Path,
    **who: str,
) -> Answer:
    """Write everything that the department has to a new FOLDER, in open formats, signed, as of one moment.

    Tables as JSON lines, reads as GeoJSON, objects as files by their SHA-256, the audit log in its own format, public
    keys, the policy, and the secret keys sealed to the recipient. The audit log has who, why and when before the first
    file is written. `plateward import` imports it elsewhere.
    """
    if recipient is None and not without_keys:
        raise Unfinished(
            f"give the recipient of the keys with --recipient or {RECIPIENT} (`plateward backup-key FILE` makes one), "
            "or --without-keys: then nothing can open what is sealed"
        )
    with installation(folder.absolute(), os.environ) as source:
        wanted = making.Wanted(
            audit_origin=audit_origin(),
            recipient=None if without_keys else recipient,
            actor=person_of(who, source.policy.department.ori),
            reason=who["reason"],
            policy=Path(os.environ.get("POLICY_FILE", ROOT / "policy.toml")).read_bytes(),
            now=lambda: datetime.now(UTC),
            wait_s=wait_s,
        )
        chosen = replace(source, kafka=None) if without_kafka else source
        export.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = asyncio.run(making.make(chosen, ExportFolder(export), wanted))
    manifest = made.manifest
    lacks = shortfalls(made.waiting, made.missing_keys, without_kafka=without_kafka)
    whole = without_kafka or manifest.complete_to is not None
    text = "\n".join([*lines_of(manifest), *lacks, f"public key   {manifest.log.key}"])
    data = {
        "export": manifest.name,
        "ends_at": manifest.ends_at.isoformat(),
        "entries": manifest.log.entries,
        "root": manifest.log.root,
        "rows": sum(manifest.rows.values()),
        "objects": manifest.objects.count,
        "whole": whole,
        "missing_keys": list(made.missing_keys),
        "manifest_sha256": made.manifest_sha256,
        "vkey": manifest.log.key,
    }
    return Answer(text, data, 0 if whole and not made.missing_keys else FAULT)


@command("verify-export", EXPORT, VKEY, faults=(BadNote, ValueError))
def verify_export_command(*, export: Path, vkey: Sequence[str]) -> Answer:
    """Verify an export offline: signature, every file's digest, the rows of each table, and the audit log's root."""
    keys = [Verifier.parse(one) for one in vkey]
    manifest, faults = asyncio.run(importing.verify(_there(export), keys))
    text = "\n".join([*lines_of(manifest), *(f"FAULT        {fault}" for fault in faults)])
    data = {
        "export": manifest.name,
        "ok": not faults,
        "entries": manifest.log.entries,
        "root": manifest.log.root,
        "faults": faults,
    }
    return Answer(text, data, FAULT if faults else 0)


@command(
    "import",
    EXPORT,
    VKEY,
    PRIVATE_KEY,
    click.Option(
        ["--witness"],
        multiple=True,
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A checkpoint or an export of the log that was kept elsewhere, to compare with the imported log.",
    ),
    click.Option(["--ended"], is_flag=True, help="Import an export that has ended by the policy."),
    KEYS_TO,
    FOLDER_OF_STACK,
    *PERSON,
    faults=(LocalError, BadNote, ValueError),
)
def import_command(
    *,
    export: Path,
    vkey: Sequence[str],
    private_key: Path | None,
    witness: Sequence[Path],
    ended: bool,
    keys_to: Path | None,
    folder: Path,
    **who: str,
) -> Answer:
    """Import an export into an empty database and object store, and prove that its audit log is the same.

    Exit status 1 if a file of the export is damaged (nothing is imported then), if counts or the log differ, or if the
    log forks from a witness. Until a purge has destroyed what is past the schedule, the services show no ALPR data.
    """
    there, keys, now = _there(export), [Verifier.parse(one) for one in vkey], datetime.now(UTC)
    try:
        manifest = asyncio.run(importing.verified(there, keys, now, ended=ended))
    except restoring.Damaged as exc:
        return _damaged(exc)
    with new_installation(folder.absolute(), os.environ) as target:
        wanted = restoring.Wanted(
            name=None,
            keys=keys,
            witnesses=witness,
            private=private_key,
            keys_folder=(keys_to or folder).absolute(),
            actor=person_of(who, target.policy.department.ori),
            reason=who["reason"],
            now=now,
            ended=ended,
        )
        try:
            done = asyncio.run(importing.import_all(target, there, manifest, wanted))
        except restoring.Damaged as exc:
            return _damaged(exc)
        return restored_answer(done, wanted.now, target.kafka)


def _damaged(exc: restoring.Damaged) -> Answer:
    text = "\n".join(f"FAULT        {fault}" for fault in exc.faults)
    return Answer(text, {"ok": False, "faults": list(exc.faults)}, FAULT)


def _there(export: Path) -> ExportFolder:
    if not export.is_dir():
        raise Unfinished(f"{export} is no folder: name the folder of an export")
    return ExportFolder(export)


COMMANDS = by_name(export_command, verify_export_command, import_command)
