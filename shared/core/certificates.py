"""Certificates of signing keys, under a root that is kept offline (ADR-0018).

A root (Ed25519) certifies a key for one usage and for 400 days at most, and can revoke it. Certificates and
revocations are signed texts: `base64url(body).base64url(signature)`, where the body is canonical JSON (sorted keys,
no blanks, UTF-8) and the signature covers the kind of text and the body. A service has one or two public roots
(`ROOT_PUBLIC_KEYS`); with two, the root can change without downtime.
"""

import hashlib
import json
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AfterValidator, SecretStr

from shared.core.errors import InternalFault

Usage = Literal["tokens", "captures"]
"""`tokens`: identity's issuer key, which signs token keys and accounts. `captures`: ingest's signing key."""

USAGES: tuple[Usage, ...] = get_args(Usage)
LONGEST = timedelta(days=400)
MAX_ROOTS = 2
MAX_READ = 100
MAX_TEXT_CHARACTERS = 4096
MAX_SERIAL = 2**53 - 1
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class CertificateRefused(InternalFault):
    """A certificate or revocation is invalid: its form, signature, time or usage; or it is revoked."""

    title = "A certificate is not valid"


@dataclass(frozen=True)
class Certificate:
    """A root's statement about a key: its usage, and its period of validity (UTC, whole seconds)."""

    KIND: ClassVar[str] = "plateward certificate v1"

    usage: Usage
    public_key: bytes  # Ed25519, 32 bytes
    serial: int  # increases with each certificate of a root
    not_before: datetime
    not_after: datetime

    @property
    def kid(self) -> str:
        """The id of the certified key."""
        return key_id(self.public_key)

    def fields(self) -> dict[str, Any]:
        """Return the body. Raises: CertificateRefused if the values may not be certified."""
        if self.not_after - self.not_before > LONGEST:
            raise CertificateRefused(f"a certificate is for {LONGEST.days} days at most")
        if self.not_after <= self.not_before:
            raise CertificateRefused("a certificate ends after it begins")
        if not 1 <= self.serial <= MAX_SERIAL:
            raise CertificateRefused("a serial is a whole number from 1")
        return {
            "kid": self.kid,
            "not_after": _written(self.not_after),
            "not_before": _written(self.not_before),
            "public_key": b64encode(self.public_key).decode(),
            "serial": self.serial,
            "usage": self.usage,
        }

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Build a certificate from a body. Raises: KeyError, TypeError, ValueError."""
        public = b64decode(fields["public_key"], validate=True)
        if len(public) != PUBLIC_KEY_BYTES or fields["kid"] != key_id(public):
            raise ValueError("kid and public_key do not go together")
        return cls(
            usage=_usage(fields["usage"]),
            public_key=public,
            serial=_serial(fields["serial"]),
            not_before=_moment(fields["not_before"]),
            not_after=_moment(fields["not_after"]),
        )


@dataclass(frozen=True)
class Revocation:
    """A root's statement that a certificate is invalid, for all its signatures at any time."""

    KIND: ClassVar[str] = "plateward revocation v1"

    usage: Usage
    kid: str
    serial: int
    revoked_at: datetime
    reason: str

    def fields(self) -> dict[str, Any]:
        """Return the body."""
        return {
            "kid": self.kid,
            "reason": self.reason,
            "revoked_at": _written(self.revoked_at),
            "serial": self.serial,
            "usage": self.usage,
        }

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Build a revocation from a body. Raises: KeyError, TypeError, ValueError."""
        return cls(
            usage=_usage(fields["usage"]),
            kid=_text(fields["kid"]),
            serial=_serial(fields["serial"]),
            revoked_at=_moment(fields["revoked_at"]),
            reason=_text(fields["reason"]),
        )


class Roots:
    """The public roots that this process trusts: one, or two while the root changes."""

    def __init__(self, public_keys: Sequence[bytes]) -> None:
        """Trust these Ed25519 keys, 32 bytes each. Raises: ValueError unless there are one or two."""
        if not 1 <= len(set(public_keys)) == len(public_keys) <= MAX_ROOTS:
            raise ValueError("one public root, or two different ones, are needed")
        self._keys = [Ed25519PublicKey.from_public_bytes(key) for key in public_keys]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a setting: base64 of 32 bytes each, separated by spaces. Raises: ValueError."""
        try:
            keys = [b64decode(part, validate=True) for part in text.split()]
        except ValueError:
            keys = [b""]
        if any(len(key) != PUBLIC_KEY_BYTES for key in keys):
            raise ValueError(f"a public root is base64 of {PUBLIC_KEY_BYTES} bytes")
        return cls(keys)

    def certificate(self, text: str) -> Certificate:
        """Verify a certificate's signature and return it; does not check its time.

        Raises: CertificateRefused.
        """
        body = self._body(text, Certificate.KIND)
        try:
            certificate = Certificate.read(body)
            whole = certificate.fields() == body
        except (KeyError, TypeError, ValueError):
            whole = False
        if not whole:
            raise CertificateRefused("this is not the body of a certificate")
        return certificate

    def revocation(self, text: str) -> Revocation:
        """Verify a revocation's signature and return it. Raises: CertificateRefused."""
        body = self._body(text, Revocation.KIND)
        try:
            revocation = Revocation.read(body)
            whole = revocation.fields() == body
        except (KeyError, TypeError, ValueError):
            whole = False
        if not whole:
            raise CertificateRefused("this is not the body of a revocation")
        return revocation

    def _body(self, text: str, kind: str) -> dict[str, Any]:
        """Verify a signed text of one kind and return its fields. Raises: CertificateRefused."""
        body, signature = _body_and_signature(text)
        if not any(_holds(key, signature, _signed(kind, body)) for key in self._keys):
            raise CertificateRefused("no trusted root signed this")
        try:
            fields = json.loads(body)
            canonical = isinstance(fields, dict) and canonical_json(fields) == body
        except (ValueError, RecursionError):
            canonical = False
        if not canonical:
            raise CertificateRefused("the signed body is not canonical JSON")
        return dict(fields)


class Trust:
    """The roots, and the certificates that they have revoked; services verify signatures with it."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._revoked: set[tuple[str, int, str]] = set()
        self._read: dict[str, Certificate] = {}
        """Certificates whose signature is verified; a cache, since each is in many events."""

    def learn_revocation(self, text: str) -> Revocation:
        """Add a revocation permanently. Raises: CertificateRefused if no root signed it."""
        revocation = self._roots.revocation(text)
        self._revoked.add((revocation.usage, revocation.serial, revocation.kid))
        return revocation

    def check(self, text: str, usage: Usage, now: datetime) -> Certificate:
        """Return a certificate that is valid now for `usage`. Raises: CertificateRefused."""
        certificate = self._read.get(text) or self._roots.certificate(text)
        if len(self._read) < MAX_READ:
            self._read[text] = certificate
        if certificate.usage != usage:
            raise CertificateRefused(f"the certificate is for {certificate.usage}, not for {usage}")
        if (certificate.usage, certificate.serial, certificate.kid) in self._revoked:
            raise CertificateRefused(f"certificate {certificate.serial} is revoked")
        if now < certificate.not_before:
            raise CertificateRefused(f"certificate {certificate.serial} is not valid yet")
        if now >= certificate.not_after:
            raise CertificateRefused(f"certificate {certificate.serial} has ended")
        return certificate

    def verify(
        self, text: str, usage: Usage, now: datetime, *, signature: bytes, message: bytes
    ) -> Certificate:
        """Verify `signature` over `message`, and return the certificate of its key.

        Raises: CertificateRefused if the certificate or the signature is invalid.
        """
        certificate = self.check(text, usage, now)
        key = Ed25519PublicKey.from_public_bytes(certificate.public_key)
        if not _holds(key, signature, message):
            raise CertificateRefused(f"certificate {certificate.serial} did not sign this")
        return certificate


class Signer:
    """A certified private key of the service that signs with it."""

    def __init__(self, seed: bytes, certificate: str, roots: Roots, usage: Usage) -> None:
        """Sign with the key of `seed` (32 bytes), which a root certified for `usage`.

        Raises: CertificateRefused if the certificate is of another key, or no trusted root signed it.
        """
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.text = certificate
        """The certificate, sent beside each signature."""
        self.certificate = roots.certificate(certificate)
        if self.certificate.public_key != self._key.public_key().public_bytes_raw():
            raise CertificateRefused("the certificate is of another key")
        if self.certificate.usage != usage:
            raise CertificateRefused(
                f"the certificate is for {self.certificate.usage}, not for {usage}"
            )

    def sign(self, message: bytes) -> bytes:
        """Return the signature (64 bytes, RFC 8032) over `message`."""
        return self._key.sign(message)


def certify(root: Ed25519PrivateKey, certificate: Certificate) -> str:
    """Return a certificate signed by `root`. Raises: CertificateRefused for over 400 days."""
    return _sign(root, Certificate.KIND, certificate.fields())


def revoke(root: Ed25519PrivateKey, revocation: Revocation) -> str:
    """Return a revocation signed by `root`."""
    return _sign(root, Revocation.KIND, revocation.fields())


def key_id(public_key: bytes) -> str:
    """Return the id of an Ed25519 key (32 bytes): the first 16 bytes of its SHA-256, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()[:32]


def canonical_json(fields: dict[str, Any]) -> bytes:
    """Return `fields` as canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _root_keys(text: str) -> str:
    Roots.parse(text)
    return text


RootKeys = Annotated[str, AfterValidator(_root_keys)]
"""One or two public roots, base64 of 32 bytes each, separated by a space."""


def _certified_key(value: SecretStr) -> SecretStr:
    _seed(value)
    return value


SigningSeed = Annotated[SecretStr, AfterValidator(_certified_key)]
"""An Ed25519 private key: its 32 bytes in base64."""


def signer(seed: SecretStr, certificate: str, roots: str, usage: Usage) -> Signer:
    """Build a signer from three settings. Raises: CertificateRefused, ValueError."""
    return Signer(_seed(seed), certificate, Roots.parse(roots), usage)


def _seed(value: SecretStr) -> bytes:
    try:
        seed = b64decode(value.get_secret_value(), validate=True)
    except ValueError:
        seed = b""
    if len(seed) != PUBLIC_KEY_BYTES:
        raise ValueError(f"is not base64 of {PUBLIC_KEY_BYTES} bytes")
    return seed


def _sign(root: Ed25519PrivateKey, kind: str, fields: dict[str, Any]) -> str:
    body = canonical_json(fields)
    return f"{_base64url(body)}.{_base64url(root.sign(_signed(kind, body)))}"


def _signed(kind: str, body: bytes) -> bytes:
    """Return the bytes that a signature covers; they include the kind, so that one kind cannot pass for another."""
    return kind.encode() + b"\n" + body


def _body_and_signature(text: str) -> tuple[bytes, bytes]:
    """Split a signed text into body and signature. Raises: CertificateRefused."""
    fields = text.split(".")
    if len(text) > MAX_TEXT_CHARACTERS or len(fields) != 2:
        raise CertificateRefused("this is not a signed text")
    try:
        body, signature = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in fields)
    except ValueError:
        raise CertificateRefused("this is not a signed text") from None
    if len(signature) != SIGNATURE_BYTES or text != f"{_base64url(body)}.{_base64url(signature)}":
        raise CertificateRefused("this is not a signed text")
    return body, signature


def _holds(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_TIME)


def _moment(text: Any) -> datetime:
    return datetime.strptime(_text(text), _TIME).replace(tzinfo=UTC)


def _usage(value: Any) -> Usage:
    for usage in USAGES:
        if value == usage:
            return usage
    raise ValueError("no such usage")


def _serial(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SERIAL:
        raise ValueError("a serial is a whole number from 1")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is needed")
    return value


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
