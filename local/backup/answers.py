"""What the commands of backup and restore answer, in lines for a person and as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from local.backup import making, restoring
from local.backup.manifest import Manifest, form_of
from local.backup.waiting import Waiting
from shared.service.command import FAULT, Answer


@dataclass(frozen=True)
class Ended:
    """The backups that a new one deleted because they have ended."""

    names: Sequence[str] = ()
    fault: str | None = None
    """Why not all of them were deleted; None if they were."""


def made_answer(made: making.Made, ended: Ended, *, without_kafka: bool) -> Answer:
    """Say what a backup contains; exit status 1 if it is not whole, keys were not sealed, or others did not end."""
    manifest, waiting = made.manifest, made.waiting
    whole = without_kafka or manifest.complete_to is not None
    lines = [
        *lines_of(manifest),
        f"new          {made.new_contents} of the objects",
        *shortfalls(waiting, made.missing_keys, without_kafka=without_kafka),
    ]
    if ended.names:
        lines.append(f"deleted      {', '.join(ended.names)}, which ended")
    if ended.fault:
        lines.append(f"NOT DELETED  backups that have ended: {ended.fault}")
    lines.append(f"public key   {manifest.log.key}")
    return Answer(
        "\n".join(lines),
        {
            "backup": manifest.name,
            "ends_at": manifest.ends_at.isoformat(),
            "entries": manifest.log.entries,
            "root": manifest.log.root,
            "objects": manifest.objects.count,
            "new_objects": made.new_contents,
            "rows": sum(manifest.rows.values()),
            "missing_keys": list(made.missing_keys),
            "whole": whole,
            "complete_to": manifest.complete_to and manifest.complete_to.isoformat(),
            "behind": msgspec.to_builtins(manifest.behind),
            "waited_s": None if waiting is None else round(waiting.waited_s, 1),
            "ended": list(ended.names),
            "not_ended": ended.fault,
            "vkey": manifest.log.key,
        },
        0 if whole and not made.missing_keys and ended.fault is None else FAULT,
    )


def shortfalls(
    waiting: Waiting | None, missing_keys: Sequence[str], *, without_kafka: bool
) -> list[str]:
    """Return how long a backup or export waited, and what it lacks, in lines."""
    lines = list[str]()
    if waiting is not None:
        lines.append(f"waited       {waiting.waited_s:.1f} s for the services")
    elif not without_kafka:
        lines.append("NOT WHOLE    KAFKA_BOOTSTRAP is not set: what only Kafka has is missing")
    if missing_keys:
        lines.append(f"NOT SEALED   {', '.join(missing_keys)}: set them where this runs")
    return lines


def lines_of(manifest: Manifest) -> list[str]:
    """Return what a backup or export contains, in lines."""
    keys = "none" if manifest.keys is None else f"{len(manifest.keys.names)}, sealed"
    return [
        f"{form_of(manifest).noun:12} {manifest.name}, ends {manifest.ends_at:%Y-%m-%d}",
        f"rows         {sum(manifest.rows.values()):,} in {len(manifest.rows)} tables",
        f"audit log    {manifest.log.entries:,} entries, root {manifest.log.root}",
        f"objects      {manifest.objects.count:,}, {manifest.objects.size_bytes / 1e6:,.1f} MB",
        f"keys         {keys}",
        *_completeness(manifest),
    ]


def _completeness(manifest: Manifest) -> list[str]:
    """Return up to when the backup has everything that was acknowledged, or what it lacks."""
    if manifest.complete_to is not None:
        return [f"complete to  {manifest.complete_to:%Y-%m-%d %H:%M:%S} UTC"]
    if not manifest.behind:
        return ["complete to  not known: it was made without Kafka"]
    return [
        f"NOT WHOLE    {one.group} had not processed {one.records:,} records"
        + (f" of {one.topic}" if one.topic else "")
        for one in manifest.behind
    ]


def restored_answer(done: restoring.Restored, now: datetime, kafka: str | None) -> Answer:
    """Say what a restore did and found; exit status 1 for a fault."""
    manifest, continuity = done.manifest, done.continuity
    since = manifest.complete_to or manifest.made_at
    lines = [
        *lines_of(manifest),
        f"missing      what was stored from {since:%Y-%m-%d %H:%M:%S} to {now:%Y-%m-%d %H:%M:%S} UTC, "
        "except what Kafka still has and what cameras send again",
        "witness      none given" if continuity is None else f"witness      {continuity.words}",
    ]
    if manifest.log.checkpoint is None:
        lines.append(
            "NO SIGNATURE the audit log had no checkpoint yet: its entries, chain and values were verified, and its "
            "root with the one in the backup's manifest, which the log's key signed"
        )
    if kafka is None:
        lines.append("Kafka        not known: the groups' offsets are unchanged")
    else:
        lines.append(
            f"Kafka        {len(done.rewound)} consumer groups were set back to the {form_of(manifest).noun}"
        )
    if done.due:
        lines.append(
            "CLOSED       records are past the schedule: the services show no ALPR data until a purge has run"
        )
    lines += fault_lines(done.faults)
    return Answer(
        "\n".join(lines),
        {
            "ok": not done.faults,
            form_of(manifest).noun: manifest.name,
            "made_at": manifest.made_at.isoformat(),
            "complete_to": manifest.complete_to and manifest.complete_to.isoformat(),
            "behind": msgspec.to_builtins(manifest.behind),
            "entries": manifest.log.entries,
            "root": manifest.log.root,
            "checkpoint": manifest.log.checkpoint is not None,
            "unsigned_entries": done.report.unsigned_entries,
            "continuity": continuity and msgspec.to_builtins(continuity),
            "closed_until_purge": done.due,
            "rewound": done.rewound,
            "faults": done.faults,
        },
        FAULT if done.faults else 0,
    )


def stored_answer(stored: int, faults: Sequence[str]) -> Answer:
    """Say how many objects were stored in a running installation; exit status 1 for a fault."""
    return Answer(
        "\n".join([f"{stored} objects were stored", *fault_lines(faults)]),
        {"ok": not faults, "objects": stored, "faults": list(faults)},
        FAULT if faults else 0,
    )


def fault_lines(faults: Sequence[str]) -> list[str]:
    """Return faults in lines."""
    return [f"FAULT        {fault}" for fault in faults]
