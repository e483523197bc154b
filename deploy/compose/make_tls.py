"""Draws the keys and certificates for TLS with Kafka; runs in a container of docker-compose.yml.

Kafka and its clients present certificates of one signer and accept no other. Each client has its own; its name (CN)
is its Kafka principal, to which the ACLs apply. The signer's key exists only during one run, so it cannot issue more
certificates. Existing files stay; if one is missing, for example for a new service, all are drawn again, and Kafka
and the services restart. To renew them, empty the folders while everything is stopped.
"""

import ipaddress
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 3650
"""Longer than a host's life, so that no certificate expires in operation."""


@dataclass(frozen=True)
class Signed:
    """A private key and its certificate, both PEM."""

    key: bytes
    certificate: bytes


class Signer:
    """Signs certificates for as long as this object lives."""

    def __init__(self, name: str) -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = _named(name)
        draft = _draft(self._name, self._name, self._key)
        draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        draft = draft.add_extension(_signs_certificates(), critical=True)
        self.certificate = _pem(draft.sign(self._key, SHA256()))
        """The signer's certificate (PEM), which the other end trusts."""

    def sign(self, name: str, hosts: Sequence[str] = ()) -> Signed:
        """Return a new key with a certificate for either end of a connection.

        Args:
            name: its owner; Kafka knows a client as CN=<name>.
            hosts: names and addresses at which clients reach a server with this certificate.
        """
        key = generate_private_key(SECP256R1())
        draft = _draft(_named(name), self._name, key)
        draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        draft = draft.add_extension(x509.ExtendedKeyUsage(both), critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            draft = draft.add_extension(names, critical=False)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Signed(secret, _pem(draft.sign(self._key, SHA256())))


def complete(broker: Path, *clients: Path) -> bool:
    """Fill the folder of the broker and those of its clients; returns False if they are complete already.

    A client is named like its folder. Every container that mounts a folder can read it; mounting each folder only in
    its own container is the protection.
    """
    last = broker / "broker.pem"
    if last.exists() and _all_of_one_signer(broker, clients):
        return False
    last.unlink(missing_ok=True)
    signer = Signer("plateward compose")
    theirs = signer.sign("kafka", ["kafka", "localhost", "127.0.0.1"])
    _write(broker / "ca.pem", signer.certificate)
    for client in clients:
        ours = signer.sign(client.name)
        _write(client / "ca.pem", signer.certificate)
        _write(client / "client.pem", ours.certificate)
        _write(client / "client.key", ours.key)
    _write(last, theirs.key + theirs.certificate)  # one file: Kafka's PEM key store
    return True


def _all_of_one_signer(broker: Path, clients: Sequence[Path]) -> bool:
    signer = (broker / "ca.pem").read_bytes() if (broker / "ca.pem").exists() else None
    return all(
        (client / "client.pem").exists()
        and (client / "client.key").exists()
        and (client / "ca.pem").exists()
        and (client / "ca.pem").read_bytes() == signer
        for client in clients
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically and readable by all: its reader has another user id."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)  # a leftover of an interrupted run is read-only
    unfinished.write_bytes(content)
    unfinished.chmod(0o444)
    unfinished.replace(path)


def _draft(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
    )


def _signs_certificates() -> x509.KeyUsage:
    unused = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(key_cert_sign=True, **unused)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def main() -> int:
    """Fill the named folders: the broker's first, then one for each client."""
    broker, *clients = map(Path, sys.argv[1:])
    print("drawn" if complete(broker, *clients) else "there already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
