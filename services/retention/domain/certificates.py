"""Verifies a certificate of destruction offline: by whom signed, and what it commits to (docs/purge-list.md)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.retention.domain.signing import (
    TrustedKey,
    canonical,
    document_holds,
    follow,
    key_id,
)
from services.retention.domain.verifying import signed_by
from shared.core.signed_notes import BadNote, Checkpoint, Verifier
from shared.events import PurgeList

CERTIFICATE = "destruction of ALPR records"
"""Kind of the document that certifies a purge run."""


class NotACertificate(ValueError):
    """A file is not a certificate of destruction."""


class Destroyed(msgspec.Struct, frozen=True):
    """Counts of what a run destroyed, and of what holds kept."""

    reads: int
    captures: int
    objects: int
    kept_under_hold: int


class _Signature(msgspec.Struct, frozen=True):
    key_id: str


class _Signed(msgspec.Struct, frozen=True):
    """What verification needs of a certificate."""

    certificate: str
    run_id: UUID
    captured_before: datetime
    certified_at: datetime
    destroyed: Destroyed
    signature: _Signature
    purge_list: PurgeList | None = None
    checkpoint: str | None = None


@dataclass
class CertificateReport:
    """The findings; a certificate without faults is signed by the department and unchanged."""

    run_id: UUID
    captured_before: datetime
    certified_at: datetime
    destroyed: Destroyed
    key_id: str
    sha256: str
    """Of the canonical JSON, as the log's entries name the certificate."""
    purge_list: PurgeList | None
    """None for runs from before lists existed."""
    log_size: int | None = None
    """Number of entries of the audit log that its checkpoint covers; None without a checkpoint."""
    log_key: str | None = None
    """The given key of the audit log that verified the checkpoint."""
    faults: list[str] = field(default_factory=list)


def verify_certificate(
    content: bytes,
    key: Ed25519PublicKey,
    changes: Sequence[dict[str, Any]] = (),
    log_keys: Sequence[Verifier] = (),
) -> CertificateReport:
    """Return the verdict on a certificate.

    Args:
        content: JSON as the service returned it.
        key: the department's key, obtained apart from the certificate.
        changes: statements that lead from `key` to its successors, each valid in its own time.
        log_keys: public keys of the audit log. With any, the certificate's checkpoint must be signed by one.

    Raises: NotACertificate; KeyFault for an invalid change of the key.
    """
    try:
        document = msgspec.json.decode(content, type=dict[str, Any])
        said = msgspec.convert(document, _Signed)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NotACertificate("not a certificate of destruction") from None
    if said.certificate != CERTIFICATE or said.certified_at.tzinfo is None:
        raise NotACertificate("not a certificate of destruction")
    report = CertificateReport(
        run_id=said.run_id,
        captured_before=said.captured_before,
        certified_at=said.certified_at,
        destroyed=said.destroyed,
        key_id=said.signature.key_id,
        sha256=sha256(canonical(document)).hexdigest(),
        purge_list=said.purge_list,
    )
    report.faults += _signature_faults(document, said, follow(key, changes))
    _check_checkpoint(said.checkpoint, log_keys, report)
    return report


def _signature_faults(
    document: dict[str, Any], said: _Signed, trusted: Sequence[TrustedKey]
) -> list[str]:
    named = [one for one in trusted if key_id(one.key) == said.signature.key_id]
    if not named:
        return [f"it names key {said.signature.key_id}, which is not the department's"]
    if not document_holds(document, named[0].key):
        return ["the signature does not match this content and key"]
    if not named[0].signs_at(said.certified_at):
        return ["the key was not in force when the certificate says that it was signed"]
    return []


def _check_checkpoint(
    note: str | None, log_keys: Sequence[Verifier], report: CertificateReport
) -> None:
    """Record the size of the checkpoint, and verify it if public keys of the log are given."""
    if note is None:
        if log_keys:
            report.faults.append("it has no checkpoint: nothing ties it to the log")
        return
    try:
        body, _, _ = note.rpartition("\n\n")
        checkpoint = Checkpoint.parse(f"{body}\n")
        report.log_size = checkpoint.size
        report.log_key = signed_by(note, checkpoint, log_keys) if log_keys else None
    except BadNote as exc:
        report.faults.append(f"its checkpoint of the audit log: {exc}")
