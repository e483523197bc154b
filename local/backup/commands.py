"""The commands `plateward backup`, `restore`, `verify-backup` and `backup-key`."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from local.backup import making, restoring
from local.backup.alone import alone
from local.backup.answers import (
    Ended,
    fault_lines,
    lines_of,
    made_answer,
    restored_answer,
    stored_answer,
)
from local.backup.installation import Installation, installation, new_installation
from local.backup.manifest import Manifest
from local.backup.objects_only import restore_objects
from local.backup.offsets import rewind
from local.backup.recipient import RECIPIENT, make_recipient, public_half
from local.backup.repository import Backups, store_at
from local.backup.waiting import WAIT_S
from local.stack.process import LocalError
from services.audit.actions.backups import record_backup
from services.audit.settings import LogSettings
from services.audit.store.keys import KeyChanges
from shared.core.errors import InternalFault, Unavailable
from shared.core.signed_notes import BadNote, Verifier
from shared.events import Actor
from shared.postgres.database import database_of
from shared.service.command import FAULT, PERSON, Answer, Unfinished, by_name, command, person_of

FOLDER_OF_STACK = click.Option(
    ["--folder"],
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="The data of the embedded stack; DATABASE_OWNER_URL and OBJECT_STORE_URL name others.",
)
JOBS = click.Option(
    ["--jobs"], type=click.IntRange(1, 32), default=2, show_default=True, help="Tables at a time."
)
VKEY = click.Option(
    ["--vkey"],
    multiple=True,
    required=True,
    help="The audit log's first public key, name+hash+key; repeat it for the later keys. It comes from outside the "
    "backup.",
)
NAME = click.Option(
    ["--backup", "name_of_backup"], help="A backup by its name; default: the newest."
)
PRIVATE_KEY = click.Option(
    ["--private-key"],
    type=click.Path(path_type=Path),
    help="The offline half of the recipient; without it, the keys are those in the environment.",
)
KEYS_TO = click.Option(
    ["--keys-to"],
    type=click.Path(path_type=Path),
    help="The folder for the opened keys, in its folder keys; default: that of the embedded stack.",
)


@command("backup-key", click.Argument(["file"], type=click.Path(path_type=Path)))
def backup_key_command(*, file: Path) -> Answer:
    """Make the key pair to which backups seal keys: the private half goes to FILE, which then stays offline."""
    public = make_recipient(file)
    return Answer(
        f"{RECIPIENT}={public}\nThe private half is in {file}. Move it offline, with a copy at another place: without "
        "it no backup\nreturns the keys, and without the keys a restored database cannot be read.",
        {RECIPIENT: public, "file": str(file)},
    )


@command(
    "backup",
    click.Option(
        ["--to", "place"], required=True, help="A folder, or s3://bucket/prefix, for all backups."
    ),
    click.Option(
        ["--recipient"],
        type=public_half,
        metavar="TEXT",
        envvar=RECIPIENT,
        help=f"The public half that `plateward backup-key` printed; default: {RECIPIENT}.",
    ),
    click.Option(["--without-keys"], is_flag=True, help="Make a backup without keys."),
    click.Option(
        ["--wait-s"],
        type=click.FloatRange(0, 86_400),
        default=WAIT_S,
        show_default=True,
        help="The longest wait until the services have processed what Kafka has acknowledged.",
    ),
    click.Option(
        ["--without-kafka"], is_flag=True, help="Do not wait, and record no offsets: Kafka is lost."
    ),
    JOBS,
    FOLDER_OF_STACK,
    faults=(LocalError, BadNote, ValueError),
)
def backup_command(
    *,
    place: str,
    recipient: str | None,
    without_keys: bool,
    wait_s: float,
    without_kafka: bool,
    jobs: int,
    folder: Path,
) -> Answer:
    """Back up database, objects and keys as of one moment, while the services work; delete ended backups.

    First it waits until the services have processed what Kafka has acknowledged by now: a disaster may take Kafka too.
    If they do not within --wait-s, the backup is made, is recorded as not whole, and the exit status is 1.

    Objects that an earlier backup in the same place has are not copied again. The policy says when a backup ends
    (retention.backups_days).
    """
    if recipient is None and not without_keys:
        raise Unfinished(
            f"give the recipient of the keys with --recipient or {RECIPIENT} (`plateward backup-key FILE` makes one), "
            "or --without-keys"
        )
    wanted = making.Wanted(audit_origin(), None if without_keys else recipient, jobs, wait_s)
    with installation(folder.absolute(), os.environ) as source:
        chosen = replace(source, kafka=None) if without_kafka else source
        done = asyncio.run(_make(chosen, place, wanted))
        return made_answer(*done, without_kafka=without_kafka)


async def _make(
    source: Installation, place: str, wanted: making.Wanted
) -> tuple[making.Made, Ended]:
    """Make a backup, and end others: before it, so that a full place gets room, unless none would be left."""
    mac_key = restoring.mac_key_of(source.keys)
    backups = Backups(store_at(place))
    async with (
        alone(source.database, place),
        database_of(source.database, restoring.AUDIT, mac_key=mac_key) as db,
    ):

        async def record(manifest: Manifest, digest: str) -> None:
            async with db.begin() as connection:
                await record_backup(
                    connection,
                    restoring.AUDIT,
                    Actor.software("backup", source.policy.department.ori),
                    restoring.backed_up_log(manifest),
                    at=datetime.now(UTC),
                    ends_at=manifest.ends_at,
                    manifest_sha256=digest,
                    keys_to=None if manifest.keys is None else manifest.keys.recipient,
                )

        async with db.begin() as connection:
            # Backups from before a change of the log's key end too.
            former = [change.old for change in await KeyChanges(connection).all()]
        keys = [*former, making.signer(source, wanted).verifier]
        ended = await _ended(backups, keys, unless_last=True)
        made = await making.make(source, backups, wanted, record)
        if ended is None:
            ended = await _ended(backups, keys)
        return made, ended or Ended()


async def _ended(
    backups: Backups, keys: Sequence[Verifier], *, unless_last: bool = False
) -> Ended | None:
    """Delete what has ended; a fault of it does not stop a new backup. None if the last one would go."""
    try:
        names = await backups.end(datetime.now(UTC), keys, unless_last=unless_last)
    except (InternalFault, Unavailable) as exc:
        return Ended(fault=exc.detail)
    return None if names is None else Ended(names)


@command(
    "verify-backup",
    click.Option(["--from", "place"], required=True, help="The place of the backups."),
    NAME,
    VKEY,
    faults=(BadNote, ValueError),
)
def verify_backup_command(*, place: str, name_of_backup: str | None, vkey: Sequence[str]) -> Answer:
    """Read a whole backup, and compare every file with its digest in the signed manifest."""
    backups, keys = Backups(store_at(place)), [Verifier.parse(one) for one in vkey]
    manifest, faults = asyncio.run(_compared(backups, name_of_backup, keys))
    lines = [*lines_of(manifest), *fault_lines(faults)]
    data = {"backup": manifest.name, "ok": not faults, "faults": faults}
    return Answer("\n".join(lines), data, FAULT if faults else 0)


async def _compared(
    backups: Backups, name: str | None, keys: Sequence[Verifier]
) -> tuple[Manifest, list[str]]:
    manifest = await restoring.chosen(backups, name, keys)
    return manifest, await backups.faults(manifest)


@command(
    "rewind-consumers",
    click.Option(["--from", "place"], required=True, help="The place of the backups."),
    NAME,
    VKEY,
    click.Option(["--bootstrap"], envvar="KAFKA_BOOTSTRAP", required=True, help="Kafka's address."),
    faults=(BadNote, ValueError),
)
def rewind_command(
    *, place: str, name_of_backup: str | None, vkey: Sequence[str], bootstrap: str
) -> Answer:
    """Set consumer groups back to the offsets of a backup, if `restore` could not. Stop the services first."""
    backups, keys = Backups(store_at(place)), [Verifier.parse(one) for one in vkey]
    rewound = asyncio.run(_rewound(backups, name_of_backup, keys, bootstrap))
    return Answer(f"{len(rewound)} consumer groups were set back", {"rewound": rewound})


async def _rewound(
    backups: Backups, name: str | None, keys: Sequence[Verifier], bootstrap: str
) -> Mapping[str, Mapping[str, int]]:
    manifest = await restoring.chosen(backups, name, keys)
    return await rewind(bootstrap, manifest.offsets)


@command(
    "restore",
    click.Option(["--from", "place"], required=True, help="The place of the backups."),
    NAME,
    VKEY,
    PRIVATE_KEY,
    click.Option(
        ["--witness"],
        multiple=True,
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A checkpoint or an export of the log that was kept elsewhere, to compare with the restored log.",
    ),
    click.Option(["--ended"], is_flag=True, help="Restore a backup that has ended by the policy."),
    click.Option(
        ["--objects-only"],
        is_flag=True,
        help="Only store the objects that a running installation lacks, without those of purged records.",
    ),
    click.Option(
        ["--without-damaged"],
        is_flag=True,
        help="Leave out objects whose content in the backup is damaged; without it nothing is restored then.",
    ),
    KEYS_TO,
    JOBS,
    FOLDER_OF_STACK,
    *PERSON,
    faults=(LocalError, BadNote, ValueError),
)
def restore_command(
    *,
    place: str,
    name_of_backup: str | None,
    vkey: Sequence[str],
    private_key: Path | None,
    witness: Sequence[Path],
    ended: bool,
    objects_only: bool,
    without_damaged: bool,
    keys_to: Path | None,
    jobs: int,
    folder: Path,
    **who: str,
) -> Answer:
    """Restore a backup into an empty database and object store, and prove that the audit log continues.

    Stop the services first. Exit status 1 if a file of the backup is damaged (nothing is restored then), if counts or
    the log differ, or if the log forks from a witness.
    """
    place_of = installation if objects_only else new_installation
    with place_of(folder.absolute(), os.environ) as target:
        wanted = restoring.Wanted(
            name=name_of_backup,
            keys=[Verifier.parse(one) for one in vkey],
            witnesses=witness,
            private=private_key,
            keys_folder=(keys_to or folder).absolute(),
            actor=person_of(who, target.policy.department.ori),
            reason=who["reason"],
            now=datetime.now(UTC),
            ended=ended,
            without_damaged=without_damaged,
            jobs=jobs,
        )
        backups = Backups(store_at(place))
        try:
            if objects_only:
                return stored_answer(*asyncio.run(restore_objects(target, backups, wanted)))
            done = asyncio.run(restoring.restore_all(target, backups, wanted))
        except restoring.Damaged as exc:
            data = {"ok": False, "faults": list(exc.faults)}
            return Answer("\n".join(fault_lines(exc.faults)), data, FAULT)
        return restored_answer(done, wanted.now, target.kafka)


def audit_origin() -> str:
    """Return the start of the log's name, as the environment has it."""
    return os.environ.get("AUDIT_ORIGIN") or str(LogSettings.model_fields["audit_origin"].default)


COMMANDS = by_name(
    backup_key_command, backup_command, verify_backup_command, restore_command, rewind_command
)
