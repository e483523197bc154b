"""Writes a package in the layout of BagIt (RFC 8493), as one ZIP file with a signature of its whole content.

`manifest-sha256.txt` names every payload file; `tagmanifest-sha256.txt` names every other file, including that
manifest, so its signature covers the whole package. The writer works in one pass, in pieces.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from services.retention.domain.signing import Signer

MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
SIGNATURE = f"{TAG_MANIFEST}.sig"
KEY = "signing-key.pem"
CHECKPOINT = "audit-log-checkpoint.txt"
"""Below data/: the newest signed checkpoint of the audit log; packages spread copies of it."""
LOG_SIZE, LOG_SIGNED_AT = "Audit-Log-Size", "Audit-Log-Signed-At"
"""In bag-info.txt: the number of entries that the checkpoint covers, and its time, which the note itself lacks."""
SIGNING_KEY_ID = "Signing-Key-Id"
"""In bag-info.txt: the id of the key that signed the package."""
_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_README = f"""How to read and verify this package
===================================

Unpack it and open data/index.html in a browser: it shows the records with their pictures and needs no network.

To verify it with the software that made it:
    plateward verify-package PACKAGE.zip --key PUBLIC.pem --vkey AUDIT-KEY

Or by hand, unpacked, with common tools:
    sha256sum -c {MANIFEST}
    sha256sum -c {TAG_MANIFEST}
    openssl pkeyutl -verify -pubin -inkey PUBLIC.pem -rawin -in {TAG_MANIFEST} -sigfile {SIGNATURE}

PUBLIC.pem is the department's public signing key: get it from the department, not from this package.
A copy is in {KEY} only so that its key id can be compared.
AUDIT-KEY is the public key of the department's audit log, name+hash+key: it verifies the checkpoint in data/{CHECKPOINT}.
"""


class _Hashed:
    """A file being written; hashes and counts its bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._file.write(piece)
        self.digest.update(piece)
        self.size_bytes += len(piece)


class BagWriter:
    """Writes a bag to `path`; `finish` completes it."""

    def __init__(self, path: Path, name: str, moment: datetime) -> None:
        self._zip = ZipFile(path, "w")
        self._name = name
        self._time = (moment.year, moment.month, moment.day, moment.hour, moment.minute, 0)
        self._payload: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._payload_bytes = 0

    @contextmanager
    def file(self, path: str, *, compress: bool = False) -> Iterator[_Hashed]:
        """Open one file of the payload, below `data/`, for writing."""
        with self._open(f"data/{path}", compress=compress) as hashed:
            yield hashed
        self._payload[f"data/{path}"] = hashed.digest.hexdigest()
        self._payload_bytes += hashed.size_bytes

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of a file of the payload, hexadecimal; None if it has not been written."""
        return self._payload.get(f"data/{path}")

    def finish(self, info: Mapping[str, str], signer: Signer) -> None:
        """Write tag files, manifests and signature, and close the file."""
        oxum = f"{self._payload_bytes}.{len(self._payload)}"
        info = {**info, "Payload-Oxum": oxum, SIGNING_KEY_ID: signer.key_id}
        self._tag("bagit.txt", _DECLARATION)
        self._tag("bag-info.txt", "".join(f"{k}: {_one_line(v)}\n" for k, v in info.items()))
        self._tag("README.txt", _README)
        self._tag(KEY, signer.public_pem)
        self._tag(MANIFEST, _manifest(self._payload))
        tags = _manifest(self._tags)
        self._tag(TAG_MANIFEST, tags)
        with self._open(SIGNATURE) as file:
            file.write(signer.sign(tags.encode()))
        self._zip.close()

    def abandon(self) -> None:
        """Close the incomplete file."""
        self._zip.close()

    @contextmanager
    def _open(self, path: str, *, compress: bool = True) -> Iterator[_Hashed]:
        entry = ZipInfo(f"{self._name}/{path}", self._time)
        entry.compress_type = ZIP_DEFLATED if compress else ZIP_STORED
        entry.external_attr = 0o644 << 16
        with self._zip.open(entry, "w", force_zip64=True) as file:
            yield _Hashed(file)

    def _tag(self, path: str, text: str) -> None:
        with self._open(path) as file:
            file.write(text.encode())
        self._tags[path] = file.digest.hexdigest()


def _manifest(digests: Mapping[str, str]) -> str:
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))


def _one_line(text: str) -> str:
    return " ".join(text.split())
