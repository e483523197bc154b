"""Declares purposes (policy 468.4(a))."""

from collections.abc import Mapping
from datetime import datetime

from services.console.actions.person_client import PersonClient
from services.console.actions.sessions import Purpose
from services.console.domain.queries import chosen, required


async def declare(client: PersonClient, form: Mapping[str, str]) -> Purpose:
    """Declare a purpose to identity, for this session. Raises: Refused, SignedOut."""
    body = required(form, "kind", "offence_type", "justification")
    body |= chosen(form, "case_number", "call_number")
    declared = await client.request_json("identity", "POST", "/v1/purposes", json=body)
    known_by = declared.get("known_by")
    return Purpose(
        session_id=client.session.session_id,
        token=declared["purpose_token"],
        kind=body["kind"],
        offence_type=body["offence_type"],
        number=body.get("case_number") or body.get("call_number", ""),
        expires_at=datetime.fromisoformat(declared["expires_at"]),
        unknown_numbers=tuple(declared.get("unknown_numbers", ())),
        known_by=known_by and datetime.fromisoformat(known_by),
    )
