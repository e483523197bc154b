"""The routes of retention, by resource."""

from fastapi import APIRouter

from services.retention.api import (
    bookings,
    exports,
    holds,
    keys,
    passes,
    purges,
    read_exports,
    records,
    searches,
)

router = APIRouter()
for part in (searches, read_exports, records, passes, holds, exports, bookings, purges, keys):
    router.include_router(part.router)
