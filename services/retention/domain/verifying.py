"""Verifies a package offline, for its recipient: no file missing, added or changed, and whose signature it has.
Also verifies a copy against its booking into evidence."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.retention.domain.bag import (
    CHECKPOINT,
    KEY,
    LOG_SIGNED_AT,
    LOG_SIZE,
    MANIFEST,
    SIGNATURE,
    TAG_MANIFEST,
)
from services.retention.domain.evidence import BOOKING
from services.retention.domain.hit_history import HITS_TAG, POLICY, hit_faults, policy_faults
from services.retention.domain.signing import (
    KeyFault,
    TrustedKey,
    document_holds,
    follow,
    holds,
    key_id,
    load_public,
)
from shared.core.signed_notes import BadNote, Checkpoint, NotSigned, Verifier

MAX_TAG_FILE_BYTES = 512 * 1024 * 1024
_PIECE_BYTES = 256 * 1024
_NEEDED = (MANIFEST, TAG_MANIFEST, SIGNATURE, KEY, "bagit.txt", "bag-info.txt")


@dataclass
class PackageReport:
    """The findings; a package without faults is valid."""

    faults: list[str] = field(default_factory=list)
    files: int = 0
    key_id: str | None = None
    checkpoint: str | None = None
    """The checkpoint of the audit log that the package carries, a signed note."""
    log_size: int | None = None
    """Number of entries of the audit log that the checkpoint covers."""
    log_signed_at: str | None = None
    """Time of the checkpoint's signature from bag-info.txt: ISO 8601, UTC. The note itself has no time."""
    log_key: str | None = None
    """The given key of the audit log that verified the checkpoint: name and hash."""
    hits: int | None = None
    """Number of hits in the package; None if it has no list of hits, or is from before such lists."""
    policy: str | None = None
    """Digest of the included policy, which was in force when the package was built; None without one."""
    known_key: bool = False
    """Whether the package was verified with a key obtained apart from it."""

    @property
    def holds(self) -> bool:
        """Whether the package is whole, unchanged and signed."""
        return not self.faults


def verify_package(
    path: Path,
    key: Ed25519PublicKey | None = None,
    changes: Sequence[dict[str, Any]] = (),
    log_keys: Sequence[Verifier] = (),
) -> PackageReport:
    """Return the verdict on the package in `path`, verified with `key` or else with the key inside it.

    Args:
        changes: statements that lead from `key` to its successors, each valid in its own time.
        log_keys: public keys of the audit log. With any, the package's checkpoint must be signed by one.
    """
    verdict = PackageReport()
    try:
        trusted = follow(key, changes) if key is not None else []
        with ZipFile(path) as archive:
            _verify(archive, trusted, log_keys, verdict)
    except KeyFault as exc:
        verdict.faults.append(str(exc))
    except (BadZipFile, OSError, zlib.error, NotImplementedError, ValueError, EOFError) as exc:
        verdict.faults.append(f"cannot be read as a package: {exc}")
    return verdict


def booking_faults(statement: bytes, sha256: str | None, key: Ed25519PublicKey) -> list[str]:
    """Return the differences between a file and the copy that a signed booking names.

    Args:
        statement: the booking's statement, JSON as the service returned it.
        sha256: digest of the file, lower-case hexadecimal; None if the file cannot be read.
        key: the department's key at the time of the booking.
    """
    try:
        document = msgspec.json.decode(statement, type=dict[str, Any])
        booked = str(document["package"]["sha256"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return ["the booking is not a signed statement"]
    faults = []
    if document.get("statement") != BOOKING or not document_holds(document, key):
        faults.append("the booking is not signed with this key, or was changed")
    if booked != sha256:
        faults.append("this is not the copy that was booked: its SHA-256 differs")
    return faults


def _verify(
    archive: ZipFile,
    trusted: Sequence[TrustedKey],
    log_keys: Sequence[Verifier],
    verdict: PackageReport,
) -> None:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != len(set(names)):
        verdict.faults.append("a file is in the package twice")
        return
    tops = {name.split("/", 1)[0] for name in names}
    if len(tops) != 1 or not all("/" in name for name in names):
        verdict.faults.append("a package has one folder at its top")
        return
    [top] = tops
    files = {name.removeprefix(f"{top}/") for name in names}
    if absent := [name for name in _NEEDED if name not in files]:
        verdict.faults.append(f"missing: {', '.join(absent)}")
        return
    _check_signature(archive, top, trusted, verdict)
    tags = _entries(archive, top, TAG_MANIFEST, verdict)
    _check_digests(archive, top, files, tags, verdict)  # first: tags include the other manifest
    payload = _entries(archive, top, MANIFEST, verdict)
    _check_names(files, tags, payload, verdict)
    _check_digests(archive, top, files, payload, verdict)
    verdict.files = len(files)
    if not verdict.faults:
        _check_hits_and_policy(archive, top, files, verdict)
    if f"data/{CHECKPOINT}" in payload and f"data/{CHECKPOINT}" in files:
        info = _read(archive, f"{top}/bag-info.txt").decode()
        _check_checkpoint(_read(archive, f"{top}/data/{CHECKPOINT}"), info, log_keys, verdict)
    elif log_keys:
        verdict.faults.append(f"{CHECKPOINT} is missing: nothing ties the package to the log")


def _check_hits_and_policy(
    archive: ZipFile, top: str, files: set[str], verdict: PackageReport
) -> None:
    """Compare hits with records, and the policy with its digest, if the package contains them."""
    info = _read(archive, f"{top}/bag-info.txt").decode()
    if (count := _tag_of(info, HITS_TAG)) is not None:
        report = hit_faults(archive, f"{top}/data", count)
        verdict.faults += report.faults
        verdict.hits = report.hits
    if f"data/{POLICY}" in files:
        text = _read(archive, f"{top}/data/{POLICY}")
        verdict.policy = _tag_of(info, "Policy-Digest")
        verdict.faults += policy_faults(text, verdict.policy)


def _check_digests(
    archive: ZipFile, top: str, files: set[str], named: dict[str, str], verdict: PackageReport
) -> None:
    for name, digest in sorted(named.items()):
        if name in files and _digest(archive, f"{top}/{name}") != digest:
            verdict.faults.append(f"changed: {name}")


def _check_checkpoint(
    note: bytes, info: str, log_keys: Sequence[Verifier], verdict: PackageReport
) -> None:
    """Record a well-formed checkpoint in the verdict, and verify it if public keys of the log are given."""
    try:
        text = note.decode()
        body, found, signatures = text.rpartition("\n\n")
        checkpoint = Checkpoint.parse(f"{body}\n")
        if not found or not all(line.startswith("\u2014 ") for line in signatures.splitlines()):
            raise BadNote("it is not signed")
    except (BadNote, UnicodeDecodeError):
        verdict.faults.append(f"{CHECKPOINT} is not a checkpoint of an audit log")
        return
    verdict.checkpoint, verdict.log_size = text, checkpoint.size
    verdict.log_signed_at = _tag_of(info, LOG_SIGNED_AT)
    if (size := _tag_of(info, LOG_SIZE)) not in (None, str(checkpoint.size)):
        verdict.faults.append(f"bag-info.txt: {LOG_SIZE} {size} is not that of {CHECKPOINT}")
    if not log_keys:
        return
    try:
        verdict.log_key = signed_by(text, checkpoint, log_keys)
    except BadNote as exc:
        verdict.faults.append(f"{CHECKPOINT}: {exc}")


def signed_by(note: str, checkpoint: Checkpoint, log_keys: Sequence[Verifier]) -> str:
    """Return the id of the log's key that signed a checkpoint. Raises: BadNote if no given key did."""
    for key in log_keys:
        try:
            key.verify(note, exact=True)
        except NotSigned:
            continue
        if checkpoint.origin != key.name:
            raise BadNote(f"it belongs to another log, {checkpoint.origin!r}")
        return key.key_id
    raise BadNote("none of the given keys of the audit log signed it")


def _tag_of(info: str, name: str) -> str | None:
    """Return the value of a tag in bag-info.txt, or None."""
    start = f"{name}: "
    found = [line.removeprefix(start) for line in info.splitlines() if line.startswith(start)]
    return found[0].strip() if found else None


def _check_signature(
    archive: ZipFile, top: str, trusted: Sequence[TrustedKey], verdict: PackageReport
) -> None:
    try:
        carried = load_public(_read(archive, f"{top}/{KEY}"))
    except KeyFault as exc:
        verdict.faults.append(f"{KEY}: {exc}")
        return
    named = [one for one in trusted if key_id(one.key) == key_id(carried)] or list(trusted[:1])
    signer = named[0].key if named else carried
    verdict.key_id, verdict.known_key = key_id(signer), bool(named)
    signature = _read(archive, f"{top}/{SIGNATURE}")
    if not holds(signature, _read(archive, f"{top}/{TAG_MANIFEST}"), signer):
        verdict.faults.append("the signature does not match this content and key")
    if named and not _in_time(named[0], _read(archive, f"{top}/bag-info.txt").decode()):
        verdict.faults.append("bag-info.txt: the key did not sign on the package's bagging date")


def _in_time(trusted: TrustedKey, info: str) -> bool:
    """Return whether a package's date lies in its key's time; without a date, only if that time is open."""
    if trusted.since is None and trusted.until is None:
        return True
    date = _tag_of(info, "Bagging-Date")
    if date is None:
        return False
    since = "" if trusted.since is None else f"{trusted.since:%Y-%m-%d}"
    until = "9999" if trusted.until is None else f"{trusted.until:%Y-%m-%d}"
    return since <= date <= until


def _check_names(
    files: set[str], tags: dict[str, str], payload: dict[str, str], verdict: PackageReport
) -> None:
    for name in sorted(payload.keys() | tags.keys()):
        if name not in files:
            verdict.faults.append(f"missing: {name}")
    if MANIFEST not in tags:
        verdict.faults.append(f"{TAG_MANIFEST} does not name {MANIFEST}")
    if any(not name.startswith("data/") for name in payload):
        verdict.faults.append(f"{MANIFEST} names a file outside data/")
    for name in sorted(files - payload.keys() - tags.keys() - {TAG_MANIFEST, SIGNATURE}):
        verdict.faults.append(f"added: {name}")


def _entries(archive: ZipFile, top: str, name: str, verdict: PackageReport) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _read(archive, f"{top}/{name}").decode().splitlines():
        digest, _, path = line.partition("  ")
        if len(digest) != 64 or not path or path in found:
            verdict.faults.append(f"{name} has a line that is not a manifest line")
            return found
        found[path] = digest
    return found


def _read(archive: ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_TAG_FILE_BYTES:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def _digest(archive: ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
