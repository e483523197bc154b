"""What links to Kafka and to Postgres have in common: when they need TLS, and what it checks."""

import ipaddress
import ssl
from pathlib import Path
from typing import Any

from pydantic import BeforeValidator


def _unless_empty(value: Any) -> Any:
    """Return None for an empty text: that is how compose writes "not set"."""
    return None if value == "" else value


Given = BeforeValidator(_unless_empty)
"""Beside `... | None`: an empty variable is one that is not set."""


def is_this_machine(host: str) -> bool:
    """Whether an address does not leave this machine; a name other than localhost may lead anywhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_tls(ca_file: Path | None, name: str) -> ssl.SSLContext:
    """Return TLS 1.2 or later that checks the server's name, and its signer by the file of `name`.

    The operating system's signers are trusted where there is no file.
    Raises: ValueError where the file holds no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ValueError(f"{name} is no readable file of certificates (PEM)") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
