"""Events that prove their maker on any path: signed with a key that a root certified."""

from base64 import b64decode, b64encode
from datetime import datetime
from typing import TypeVar

import msgspec

from shared.core.certificates import (
    Certificate,
    CertificateRefused,
    Signer,
    Trust,
    Usage,
    canonical_json,
)
from shared.events import Event

E = TypeVar("E", bound=Event)


def sign_event(signer: Signer, event: E) -> E:
    """Return `event` with the certificate of `signer` and its signature over all other fields."""
    named = msgspec.structs.replace(event, issuer_certificate=signer.text, signature="")
    signature = signer.sign(signed_bytes(named))
    return msgspec.structs.replace(named, signature=b64encode(signature).decode())


def verify_event(trust: Trust, event: Event, usage: Usage, now: datetime) -> Certificate:
    """Return the certificate under which `event` is signed. Raises: CertificateRefused."""
    certificate = str(getattr(event, "issuer_certificate", ""))
    try:
        signature = b64decode(str(getattr(event, "signature", "")), validate=True)
    except ValueError:
        signature = b""
    if not certificate or not signature:
        raise CertificateRefused("the event is not signed")
    return trust.verify(certificate, usage, now, signature=signature, message=signed_bytes(event))


def signed_bytes(event: Event) -> bytes:
    """Return the signed bytes: the topic, and the body as canonical JSON without the signature."""
    fields = msgspec.to_builtins(event)
    fields.pop("signature", None)
    return f"plateward event {event.TOPIC}\n".encode() + canonical_json(fields)
