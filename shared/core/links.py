"""Common rules of connections to Kafka and Postgres: when they need TLS, and what TLS verifies."""

import ipaddress
import ssl
from pathlib import Path
from typing import Any

from pydantic import BeforeValidator


def _unless_empty(value: Any) -> Any:
    """Return None for an empty text, which compose passes for an unset variable."""
    return None if value == "" else value


Given = BeforeValidator(_unless_empty)
"""For fields of type `... | None`: an empty variable counts as unset."""


def is_this_machine(host: str) -> bool:
    """Whether an address is this machine's; any name other than localhost may resolve elsewhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_tls(ca_file: Path | None, name: str) -> ssl.SSLContext:
    """Return a TLS 1.2+ context that verifies the server's name and certificate.

    `ca_file` (the setting `name`) holds the trusted signers; without it, those of the operating system are trusted.
    Raises: ValueError if the file holds no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ValueError(f"{name} is not a readable file of certificates (PEM)") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
