"""Identity's routes. Each has one permission, or stands in `OPEN`."""

from fastapi import APIRouter

from services.identity.api import (
    accounts,
    enrolment,
    keys,
    limits,
    me,
    purposes,
    sessions,
    training,
)

DOORS = frozenset(
    {"/v1/enrolment", "/v1/enrolment/confirmation", "/v1/sessions", "/v1/sessions/refresh"}
)
"""Routes where one proves who one is; a refusal there counts for that door alone."""

OPEN = DOORS | {"/.well-known/jwks.json"}
"""Routes without an access token: those, and the public keys."""

router = APIRouter()
for part in (enrolment, sessions, me, accounts, limits, training, purposes, keys):
    router.include_router(part.router)
