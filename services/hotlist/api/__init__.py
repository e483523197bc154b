"""Routes of hotlist, by resource."""

from fastapi import APIRouter

from services.hotlist.api import alerts, entries, hits, lists, pictures, versions

router = APIRouter()
for part in (lists, versions, entries, hits, pictures, alerts):
    router.include_router(part.router)
