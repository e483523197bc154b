"""`plateward verify-certificate FILE --key PUBLIC.pem [--changes KEYS.json] [--vkey AUDIT-KEY] [--list FOLDER]`.

For auditors and courts: whether the department signed a certificate of destruction, and whether a copy of its purge
list is the one that it commits to. Needs no settings and no network.

Exit status: 0 if it was verified without a fault; 1 if it has a fault; 2 if nothing was verified.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from services.retention.actions.key_files import CHANGES, changes_in, key_in
from services.retention.domain.certificates import (
    CertificateReport,
    NotACertificate,
    verify_certificate,
)
from services.retention.domain.signing import KeyFault
from shared.core.errors import AlprError
from shared.core.signed_notes import BadNote, Verifier
from shared.objects.local import LocalObjects
from shared.objects.purge_list import ListReader
from shared.service.command import FAULT, Answer, command


@command(
    "verify-certificate",
    click.Argument(["file"], type=click.Path(path_type=Path)),
    click.Option(
        ["--key"],
        type=click.Path(path_type=Path),
        required=True,
        help="The department's public signing key, got from the department.",
    ),
    CHANGES,
    click.Option(
        ["--vkey"],
        multiple=True,
        help="A public key of the audit log, name+hash+key: the checkpoint in the certificate must be signed by it."
        " Given again: or by another that the log had.",
    ),
    click.Option(
        ["--list", "list_folder"],
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="A folder with a copy of the purge list as it lies in the object store, below purges/.",
    ),
    faults=(KeyFault, BadNote, NotACertificate),
)
def verify(
    *, file: Path, key: Path, changes: Path | None, vkey: Sequence[str], list_folder: Path | None
) -> Answer:
    """Verify a certificate of destruction offline: by whom signed, unchanged, and whether a purge list is its own."""
    report = verify_certificate(
        file.read_bytes(), key_in(key), changes_in(changes), [Verifier.parse(one) for one in vkey]
    )
    if list_folder is not None:
        report.faults += _list_faults(report, list_folder)
    lines = [f"FAULT  {fault}" for fault in report.faults]
    if report.faults:
        lines.append("The certificate does NOT hold.")
    else:
        lines += _whole(report, with_list=list_folder is not None)
    return Answer("\n".join(lines), _data(report), FAULT if report.faults else 0)


def _list_faults(report: CertificateReport, folder: Path) -> list[str]:
    """Return why a folder's purge list is not the one of the certificate, if it is not."""
    if report.purge_list is None:
        return ["the certificate names no purge list"]
    reader = ListReader(LocalObjects(folder), report.run_id, report.purge_list)
    try:
        asyncio.run(reader.verify())
    except AlprError as exc:
        return [f"the purge list of run {report.run_id} in {folder}: {exc.detail}"]
    return []


def _data(report: CertificateReport) -> dict[str, object]:
    named = report.purge_list
    return {
        "ok": not report.faults,
        "run_id": str(report.run_id),
        "captured_before": report.captured_before.isoformat(),
        "certified_at": report.certified_at.isoformat(),
        "destroyed": msgspec.structs.asdict(report.destroyed),
        "key_id": report.key_id,
        "sha256": report.sha256,
        "purged_root": named.purged_root if named else None,
        "held_root": named.held_root if named else None,
        "log_size": report.log_size,
        "log_key": report.log_key,
        "faults": report.faults,
    }


def _whole(report: CertificateReport, *, with_list: bool) -> Iterator[str]:
    """Yield the lines about a certificate that was verified without a fault."""
    yield f"Run {report.run_id}, certified at {report.certified_at.isoformat()}:"
    yield f"it destroyed records captured before {report.captured_before.isoformat()}."
    counts = report.destroyed
    yield f"{counts.reads} reads, {counts.captures} captures and {counts.objects} objects;"
    yield f"holds kept {counts.kept_under_hold} records."
    yield f"Whole and unchanged, signed with key {report.key_id}."
    yield f"SHA-256, as the audit log's entries name it: {report.sha256}"
    if (named := report.purge_list) is not None:
        yield f"Its purge list names {named.purged} destroyed records, root {named.purged_root},"
        yield f"and {named.held} held records, root {named.held_root}."
    if with_list:
        yield "The purge list in the folder is that list, line by line."
    if report.log_size is not None:
        size = f"Its checkpoint covers the first {report.log_size} entries of the audit log"
        yield (
            f"{size} and is verified with the log's key {report.log_key}."
            if report.log_key
            else f"{size}; it is NOT VERIFIED: give the log's public key as --vkey."
        )
