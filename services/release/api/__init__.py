"""Routes of release, by resource."""

from fastapi import APIRouter

from services.release.api import agencies, documents, filing, packages, reviews

router = APIRouter()
for part in (agencies, documents, filing, reviews, packages):
    router.include_router(part.router)
