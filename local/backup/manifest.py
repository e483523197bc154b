"""The manifest of a backup or an export: its content, with the SHA-256 of every file, signed with the log's key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import msgspec

from shared.core.errors import InternalFault
from shared.core.signed_notes import BadNote, Signer, Verifier


@dataclass(frozen=True)
class Form:
    """What a manifest is of; a note over one passes for no other."""

    text: str
    """The first line of what is signed."""

    noun: str
    """The end of the signer's name."""


BACKUP, EXPORT = Form("plateward backup 1", "backup"), Form("plateward export 1", "export")
FOLDER = "backups"
POOL = "objects"
"""The folder of the objects of all backups, each stored once under its SHA-256."""

MANIFEST, NOTE = "manifest.json", "manifest.note"


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a backup."""

    path: str  # below the backup's folder
    size_bytes: int
    sha256: str  # lower-case hex


class Migrations(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a schema's tables."""

    own: str
    shared: str


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """The audit log at the moment of the backup."""

    origin: str
    entries: int
    root: str  # base64
    checkpoint: str | None  # the newest signed note
    key: str  # the public key that signs, in C2SP's format


class ObjectsState(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of a backup; the file `list` has a line for each."""

    count: int
    size_bytes: int
    list: str


class KeysState(msgspec.Struct, frozen=True, kw_only=True):
    """The keys in a backup, sealed to a recipient whose private half is offline."""

    path: str
    recipient: str  # the public half, base64
    names: Sequence[str]


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What was acknowledged and not processed when a backup began, in one topic or outbox."""

    group: str  # a consumer group, or the outbox of a service
    topic: str  # empty for an outbox
    records: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup contains."""

    format: str
    name: str
    made_at: datetime
    ends_at: datetime
    department: str  # its ORI
    policy_digest: str
    schedule_days: int
    postgres: int  # the server's major version
    roles: Sequence[str]  # that the dump grants rights to
    schemas: Mapping[str, Migrations]
    rows: Mapping[str, int]  # by table, with its schema
    log: LogState
    files: Sequence[StoredFile]
    objects: ObjectsState
    keys: KeysState | None
    offsets: Mapping[str, Mapping[str, int]]  # by consumer group and `topic/partition`
    complete_to: datetime | None = None  # everything acknowledged by then is in it; None: unknown
    behind: Sequence[Behind] = ()  # why it is not whole


class ObjectLine(msgspec.Struct, frozen=True, kw_only=True):
    """One object in the list."""

    key: str
    sha256: str
    size_bytes: int
    put_at: datetime


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Manifest).decode


def signer_of(origin: str, seed: bytes, form: Form = BACKUP) -> Signer:
    """Return the signer of an installation's backups or exports: the log's key under another name."""
    return Signer(f"{origin}/{form.noun}", seed)


def form_of(manifest: Manifest) -> Form:
    """Return what a manifest is of."""
    return EXPORT if manifest.format == EXPORT.text else BACKUP


def encoded(manifest: Manifest, signer: Signer) -> tuple[bytes, str]:
    """Return a manifest as its file, and the signed note over it."""
    body = msgspec.json.format(_encode(manifest), indent=1)
    return body, signer.sign(_text(form_of(manifest), manifest.name, body))


def verified(
    name: str, body: bytes, note: str, keys: Sequence[Verifier], form: Form = BACKUP
) -> Manifest:
    """Return the manifest of a backup or export by its name, if one of the log's keys signed it.

    Raises: InternalFault naming the file and the fault.
    """
    if not any(_signed(key, form, note, _text(form, name, body)) for key in keys):
        raise InternalFault(
            f"{name}/{MANIFEST} is not what {name}/{NOTE} signs, or none of the given keys signed it: "
            f"{', '.join(key.key_id for key in keys)}"
        )
    try:
        manifest = _decode(body)
    except msgspec.DecodeError as exc:
        raise InternalFault(f"{name}/{MANIFEST} cannot be decoded: {exc}") from None
    if manifest.format != form.text or manifest.name != name:
        raise InternalFault(f"{name}/{MANIFEST} is of another format or {form.noun}")
    return manifest


def _text(form: Form, name: str, body: bytes) -> str:
    """Return the text that is signed. Its second line is no number, so it is no checkpoint."""
    return f"{form.text}\n{name}\n{sha256(body).hexdigest()}\n"


def _signed(key: Verifier, form: Form, note: str, text: str) -> bool:
    try:
        return Verifier(f"{key.name}/{form.noun}", key.public).verify(note, exact=True) == text
    except BadNote:
        return False
