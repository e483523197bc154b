"""Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint, with Ed25519 keys."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.core.merkle import HASH_BYTES

_ED25519 = b"\x01"
_DASH = "\u2014"
_KEY_HASH_BYTES = 4
_CHAIN, _PREVIOUS, _CLOSING = "chain ", "previous ", "export"
SEED_BYTES = 32


class BadNote(ValueError):
    """The note is malformed, or its signature is invalid; the message says which."""


class NotSigned(BadNote):
    """The note has no signature under this key's name and hash."""


def _key_hash(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_HASH_BYTES]


def _note(text: str, name: str, blob: bytes) -> str:
    return f"{text}\n{_DASH} {name} {b64encode(blob).decode()}\n"


@dataclass(frozen=True)
class Verifier:
    """A public key with its name."""

    name: str
    public: bytes

    @property
    def vkey(self) -> str:
        """The key in C2SP's format: name, key hash, key."""
        key_hash = _key_hash(self.name, self.public).hex()
        return f"{self.name}+{key_hash}+{b64encode(_ED25519 + self.public).decode()}"

    @property
    def key_id(self) -> str:
        """Name and key hash, which identify a key."""
        return f"{self.name}+{_key_hash(self.name, self.public).hex()}"

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Parse a verifier key in C2SP's format. Raises: BadNote."""
        fields = vkey.strip().split("+", 2)
        try:
            name, key_hash, key = (
                fields[0],
                bytes.fromhex(fields[1]),
                b64decode(fields[2], validate=True),
            )
        except (IndexError, ValueError) as exc:
            raise BadNote("a verifier key is name+hash+base64") from exc
        if key[:1] != _ED25519 or len(key) != 1 + SEED_BYTES:
            raise BadNote("a verifier key is an Ed25519 key")
        if key_hash != _key_hash(name, key[1:]):
            raise BadNote("the verifier key's hash is not that of its key")
        return cls(name, key[1:])

    def verify(self, note: str, *, exact: bool = False) -> str:
        """Verify `note` and return its text.

        Args:
            exact: accept the note only in the form that `Signer.sign` writes, with one signature and nothing more.
                Otherwise it may have other signers' signatures, which are ignored.
        Raises: BadNote unless this key signed it.
        """
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        mine = _key_hash(self.name, self.public)
        for line in signatures.splitlines():
            dash, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            if dash != _DASH or name != self.name:
                continue
            try:
                blob = b64decode(encoded, validate=True)
            except ValueError as exc:
                raise BadNote("a signature is not base64") from exc
            if blob[:_KEY_HASH_BYTES] == mine:
                self._check(text, blob[_KEY_HASH_BYTES:])
                if exact and note != _note(text, name, blob):
                    raise BadNote("the note has more than one signature, or another form")
                return text
        raise NotSigned(f"the note is not signed by {self.key_id}")

    def _check(self, text: str, signature: bytes) -> None:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            raise BadNote("the signature is not valid") from None


class Signer:
    """A private key with its name."""

    def __init__(self, name: str, seed: bytes) -> None:
        """`seed` is 32 bytes (RFC 8032). Raises: ValueError for a name that a note cannot hold."""
        if not name or any(c.isspace() or c == "+" for c in name):
            raise ValueError("the name of a signing key may not contain spaces or +")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Return `text`, which ends with a newline, as a signed note."""
        if not text.endswith("\n"):
            raise ValueError("the text of a note must end with a newline")
        name, public = self.verifier.name, self.verifier.public
        blob = _key_hash(name, public) + self._key.sign(text.encode())
        return _note(text, name, blob)


@dataclass(frozen=True)
class Checkpoint:
    """The log at one size. The lines after the root are extensions, and may be absent."""

    origin: str
    size: int
    root: bytes
    """Merkle tree hash over the first `size` entries, 32 bytes."""
    chain: bytes | None = None
    """The chained hash of entry `size - 1`, 32 bytes."""
    previous: int | None = None
    """Size of the checkpoint before this one, 0 for the first, so that a removed checkpoint is noticed."""

    closing: bool = False
    """Signed for the end of an export; the log does not record it."""

    @property
    def text(self) -> str:
        """The checkpoint as its note's text."""
        lines = [self.origin, str(self.size), b64encode(self.root).decode()]
        if self.chain is not None:
            lines.append(f"{_CHAIN}{b64encode(self.chain).decode()}")
        if self.previous is not None:
            lines.append(f"{_PREVIOUS}{self.previous}")
        if self.closing:
            lines.append(_CLOSING)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Parse the checkpoint in a note's text. Raises: BadNote."""
        try:
            origin, size, root, *more = text.split("\n")
            if not origin:
                raise ValueError("no origin")
            chain, previous = _extension(more, _CHAIN), _extension(more, _PREVIOUS)
            return cls(
                origin,
                _whole(size),
                _hash(root),
                None if chain is None else _hash(chain),
                None if previous is None else _whole(previous),
                _CLOSING in more,
            )
        except ValueError as exc:
            raise BadNote("a checkpoint has origin, size and root on three lines") from exc


def _extension(lines: Sequence[str], name: str) -> str | None:
    return next((line.removeprefix(name) for line in lines if line.startswith(name)), None)


def _whole(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or str(int(text)) != text:
        raise ValueError("not a whole number")
    return int(text)


def _hash(text: str) -> bytes:
    value = b64decode(text, validate=True)
    if len(value) != HASH_BYTES or b64encode(value).decode() != text:
        raise ValueError("not a hash in base64")
    return value
