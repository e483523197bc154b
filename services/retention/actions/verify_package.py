"""`python -m services.retention verify-package FILE --key PUBLIC.pem [--vkey AUDIT-KEY] [--booking STATEMENT.json]`.

For recipients of packages, and for people who check a copy on a medium against its booking into evidence.

Exit status: 0 if the package was verified with the given public key and has no fault; 1 if it has a fault;
2 if nothing was verified, because of a missing key or an unusable file.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from services.retention.actions.key_files import CHANGES, changes_in, key_in
from services.retention.domain.signing import KeyFault
from services.retention.domain.verifying import PackageReport, booking_faults, verify_package
from shared.core.errors import InternalFault
from shared.core.signed_notes import BadNote, Verifier
from shared.service.command import FAULT, UNFINISHED, Answer, command


@command(
    "verify-package",
    click.Argument(["file"], type=click.Path(path_type=Path)),
    click.Option(
        ["--key"],
        type=click.Path(path_type=Path),
        help="The department's public signing key, got from the department.",
    ),
    CHANGES,
    click.Option(
        ["--vkey"],
        multiple=True,
        help="A public key of the audit log, name+hash+key, got apart from the package: the checkpoint in "
        "it must be signed by it. Given again: or by another that the log had.",
    ),
    click.Option(
        ["--booking"],
        type=click.Path(path_type=Path),
        help="The signed statement of a copy's booking into evidence.",
    ),
    click.Option(
        ["--booking-key"],
        type=click.Path(path_type=Path),
        help="The key of the booking, where another signs by now.",
    ),
    faults=(KeyFault, BadNote),
)
def verify(
    *,
    file: Path,
    key: Path | None,
    changes: Path | None,
    vkey: Sequence[str],
    booking: Path | None,
    booking_key: Path | None,
) -> Answer:
    """Verify a package offline: whole, unchanged, by whom signed, and whether booked; needs no settings."""
    public = key_in(key) if key else None
    booking_public = key_in(booking_key) if booking_key else public
    booked = booking.read_bytes() if booking else None
    log_keys = [Verifier.parse(one) for one in vkey]
    if booked is not None and booking_public is None:
        raise InternalFault("a booking is checked with the department's public key: give --key")
    verdict = verify_package(file, public, changes_in(changes), log_keys)
    faults = list(verdict.faults)
    digest = _sha256(file)
    if booked is not None and booking_public is not None:
        faults += booking_faults(booked, digest, booking_public)
    lines = [f"FAULT  {fault}" for fault in faults]
    if digest is not None:
        lines.append(f"SHA-256 of the file: {digest}")
    if faults:
        lines.append("The package does NOT hold.")
        status = FAULT
    elif not verdict.known_key:
        lines.append(
            f"NOT VERIFIED: {verdict.files} files, signed with key {verdict.key_id}, which the package"
        )
        lines.append(
            "itself brings: anybody can make such a package. Get the department's key and give --key."
        )
        status = UNFINISHED
    else:
        lines += _whole(verdict, booked=booked is not None)
        status = 0
    return Answer("\n".join(lines), _data(verdict, faults, digest, booked is not None), status)


def _data(
    verdict: PackageReport, faults: Sequence[str], digest: str | None, booked: bool
) -> dict[str, object]:
    return {
        "ok": verdict.known_key and not faults,
        "known_key": verdict.known_key,
        "key_id": verdict.key_id,
        "files": verdict.files,
        "sha256": digest,
        "faults": list(faults),
        "hits": verdict.hits,
        "policy": verdict.policy,
        "log_size": verdict.log_size,
        "log_signed_at": verdict.log_signed_at,
        "log_key": verdict.log_key,
        "booked": booked and not faults,
    }


def _whole(verdict: PackageReport, *, booked: bool) -> Iterator[str]:
    """Yield the lines about a package that was verified without a fault."""
    yield from _checkpoint(verdict)
    yield f"{verdict.files} files, whole and unchanged, signed with key {verdict.key_id}."
    if verdict.hits is not None:
        yield f"Hits: {verdict.hits}; each belongs to a read in the package, and none is missing."
    if verdict.policy is not None:
        yield f"The policy in it is the one that was in force: digest {verdict.policy}."
    if booked:
        yield "It is the copy that was booked into evidence."


def _checkpoint(verdict: PackageReport) -> Iterator[str]:
    """Yield the package's checkpoint of the audit log, and whether it is verified."""
    if verdict.checkpoint is None:
        return
    yield "The newest checkpoint of the audit log when it was made, for comparison with others:"
    yield verdict.checkpoint.removesuffix("\n")
    signed_at = verdict.log_signed_at or "a time that the package does not say"
    yield f"It covers the log's first {verdict.log_size} entries and was signed at {signed_at}."
    if verdict.log_key is None:
        yield "It is NOT VERIFIED: give the audit log's public key as --vkey."
    else:
        yield f"It is verified with the log's key {verdict.log_key}."


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None  # the verdict names it as a fault
