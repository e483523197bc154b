"""Retention's routes."""

from fastapi import APIRouter

from services.retention.api import (
    bookings,
    evidence,
    holds,
    keys,
    passes,
    purges,
    records,
    searches,
)

OPEN = frozenset({"/v1/signing-key"})
"""Anyone may read the public keys; they show no ALPR data."""

router = APIRouter()
for part in (searches, records, passes, holds, evidence, bookings, purges, keys):
    router.include_router(part.router)
