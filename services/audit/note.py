"""Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint, with Ed25519 keys."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.merkle import HASH_BYTES, Hash

_ED25519 = b"\x01"
_DASH = "\u2014"
_KEY_HASH_BYTES = 4
SEED_BYTES = 32


class BadNote(ValueError):
    """The note is not one, or its signature does not hold; the text says which."""


def _key_hash(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_KEY_HASH_BYTES]


@dataclass(frozen=True)
class Verifier:
    """A public key and the name under which it signs."""

    name: str
    public: bytes

    @property
    def vkey(self) -> str:
        """The key as C2SP writes it: name, key hash, key."""
        key_hash = _key_hash(self.name, self.public).hex()
        return f"{self.name}+{key_hash}+{b64encode(_ED25519 + self.public).decode()}"

    @property
    def key_id(self) -> str:
        """Name and key hash: enough to tell keys apart."""
        return f"{self.name}+{_key_hash(self.name, self.public).hex()}"

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Return the verifier that `vkey` writes. Raises: BadNote."""
        parts = vkey.strip().split("+", 2)
        try:
            name, key_hash, key = (
                parts[0],
                bytes.fromhex(parts[1]),
                b64decode(parts[2], validate=True),
            )
        except (IndexError, ValueError) as exc:
            raise BadNote("a verifier key is name+hash+base64") from exc
        if key[:1] != _ED25519 or len(key) != 1 + SEED_BYTES:
            raise BadNote("a verifier key is an Ed25519 key")
        if key_hash != _key_hash(name, key[1:]):
            raise BadNote("the verifier key's hash is not that of its key")
        return cls(name, key[1:])

    def verify(self, note: str) -> str:
        """Return the text of `note`. Raises: BadNote unless this key signed it."""
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
                return text
        raise BadNote(f"the note is not signed by {self.key_id}")

    def _check(self, text: str, signature: bytes) -> None:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            raise BadNote("the signature does not hold") from None


class Signer:
    """A private key and the name under which it signs."""

    def __init__(self, name: str, seed: bytes) -> None:
        """`seed` is 32 bytes (RFC 8032). Raises: ValueError for a name that a note cannot hold."""
        if not name or any(c.isspace() or c == "+" for c in name):
            raise ValueError("the name of a signing key has no spaces and no +")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Return `text`, which ends with a newline, as a signed note."""
        if not text.endswith("\n"):
            raise ValueError("the text of a note ends with a newline")
        name, public = self.verifier.name, self.verifier.public
        blob = _key_hash(name, public) + self._key.sign(text.encode())
        return f"{text}\n{_DASH} {name} {b64encode(blob).decode()}\n"


@dataclass(frozen=True)
class Checkpoint:
    """The log at one size."""

    origin: str
    size: int
    root: Hash

    @property
    def text(self) -> str:
        """The checkpoint as its note's text."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Return the checkpoint in a note's text. Raises: BadNote."""
        try:
            origin, size, root, *_ = text.split("\n")
            digest = b64decode(root, validate=True)
        except ValueError as exc:
            raise BadNote("a checkpoint has origin, size and root on three lines") from exc
        if (
            not origin
            or not size.isdecimal()
            or str(int(size)) != size
            or len(digest) != HASH_BYTES
        ):
            raise BadNote("a checkpoint has origin, size and root on three lines")
        return cls(origin, int(size), digest)
