"""Ingest's doors: for cameras, and for those who manage them."""

from fastapi import APIRouter

from services.ingest.api.captures import router as captures
from services.ingest.api.devices import router as devices
from services.ingest.api.reads import router as reads

router = APIRouter()
router.include_router(devices)
router.include_router(captures)
router.include_router(reads)
