"""Identity's routes. Each has one permission, or stands in `OPEN`."""

from fastapi import APIRouter

from services.identity.api import accounts, enrolment, keys, me, purposes, sessions, training

OPEN = frozenset(
    {
        "/v1/enrolment",
        "/v1/enrolment/confirm",
        "/v1/sessions",
        "/v1/sessions/refresh",
        "/.well-known/jwks.json",
    }
)
"""Routes without an access token: one proves who one is there, or reads public keys."""

router = APIRouter()
for part in (enrolment, sessions, me, accounts, training, purposes, keys):
    router.include_router(part.router)
