"""Seals an installation's keys to a recipient (HPKE, RFC 9180) whose private half stays offline."""

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.core.errors import InternalFault
from shared.core.offline_root import write_secret

RECIPIENT = "BACKUP_RECIPIENT"
"""The setting that `plateward backup-key` prints."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def make_recipient(path: Path) -> str:
    """Write a new private half to a new file; return the public half, base64. Raises: FileExistsError."""
    private = X25519PrivateKey.generate()
    write_secret(path, b64encode(private.private_bytes_raw()).decode() + os.linesep)
    return b64encode(private.public_key().public_bytes_raw()).decode()


def sealed(keys: Mapping[str, str], recipient: str, name: str) -> bytes:
    """Return the keys of backup `name`, readable by the recipient alone. Raises: InternalFault for a bad recipient."""
    try:
        public = X25519PublicKey.from_public_bytes(b64decode(recipient, validate=True))
    except ValueError:
        raise InternalFault(
            "the recipient is not base64 of 32 bytes: give the line that `plateward backup-key` printed"
        ) from None
    return _SUITE.encrypt(msgspec.json.encode(dict(keys)), public, _info(name))


def public_half(given: str) -> str:
    """Return a recipient, which may be given as the whole line that `plateward backup-key` printed."""
    return given.strip().removeprefix(f"{RECIPIENT}=")


def opened(body: bytes, private: Path, name: str) -> dict[str, str]:
    """Return the keys of backup `name`. Raises: InternalFault for another recipient's private half."""
    try:
        key = X25519PrivateKey.from_private_bytes(
            b64decode(private.read_text().strip(), validate=True)
        )
        plain = _SUITE.decrypt(body, key, _info(name))
    except ValueError:
        raise InternalFault(f"{private} is not base64 of 32 bytes") from None
    except InvalidTag:
        raise InternalFault(f"{private} does not open the keys of this backup") from None
    return msgspec.json.decode(plain, type=dict[str, str])


def _info(name: str) -> bytes:
    return f"plateward backup keys 1\n{name}".encode()
