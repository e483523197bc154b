"""A root for tests: certifies keys as the offline root would."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.core.certificates import Certificate, Revocation, Roots, Signer, Usage, certify, revoke


class TestRoot:
    """A root whose key derives from its name, so that every process of a test run has the same."""

    __test__ = False

    def __init__(self, name: str = "root") -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(_seed(name))
        self.public = b64encode(self.key.public_key().public_bytes_raw()).decode()
        """In the form of `ROOT_PUBLIC_KEYS`."""
        self.roots = Roots.parse(self.public)

    def certificate(
        self,
        seed: bytes,
        usage: Usage = "tokens",
        *,
        now: datetime | None = None,
        serial: int = 1,
        days: int = 400,
    ) -> str:
        """Return the certificate of the private key `seed`, from an hour before `now`."""
        begins = (now or datetime.now(UTC)).replace(microsecond=0) - timedelta(hours=1)
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return certify(
            self.key, Certificate(usage, public, serial, begins, begins + timedelta(days=days))
        )

    def settings(
        self,
        prefix: str = "identity_issuer",
        usage: Usage = "tokens",
        *,
        now: datetime | None = None,
        serial: int = 1,
    ) -> dict[str, str]:
        """Return the settings of a certified key, e.g. `identity_issuer_key` and `…_certificate`."""
        seed = _seed(f"{prefix} {serial}")
        return {
            f"{prefix}_key": b64encode(seed).decode(),
            f"{prefix}_certificate": self.certificate(seed, usage, now=now, serial=serial),
        }

    def signer(
        self, usage: Usage = "tokens", *, now: datetime | None = None, serial: int = 1
    ) -> Signer:
        """Return a certified signer."""
        seed = _seed(f"{usage} {serial}")
        return Signer(
            seed, self.certificate(seed, usage, now=now, serial=serial), self.roots, usage
        )

    def revocation(self, certificate: str, *, now: datetime | None = None) -> str:
        """Return the revocation of a certificate of this root."""
        read = self.roots.certificate(certificate)
        at = now or datetime.now(UTC)
        return revoke(self.key, Revocation(read.usage, read.kid, read.serial, at, "test"))


def _seed(name: str) -> bytes:
    return hashlib.sha256(f"plateward test {name}".encode()).digest()
