"""Signatures of webhooks, as Standard Webhooks 1.0 specifies."""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime


def signed_headers(
    message_id: str, body: bytes, at: datetime, keys: Sequence[bytes]
) -> Mapping[str, str]:
    """Return the headers of Standard Webhooks 1.0: the message's id, the time, and a signature by each key."""
    moment = int(at.timestamp())
    signed = f"{message_id}.{moment}.".encode() + body
    headers = {"webhook-id": message_id, "webhook-timestamp": str(moment)}
    if keys:
        digests = [hmac.digest(key, signed, "sha256") for key in keys]
        headers["webhook-signature"] = " ".join(f"v1,{b64encode(one).decode()}" for one in digests)
    return headers
