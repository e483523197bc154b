"""Ingest's routes: for cameras, and for administrators of devices."""

from fastapi import FastAPI

from services.ingest.api import captures, devices, reads


def add_routes(app: FastAPI) -> None:
    """Add every route to `app`."""
    captures.add_routes(app)
    reads.add_routes(app)
    app.include_router(devices.router)
