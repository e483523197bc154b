"""Ingest's routes: for cameras, and for administrators of devices."""

from fastapi import FastAPI

from services.ingest.api import captures, devices, makers, reads
from shared.http.routes import routes_of

router = routes_of(devices.router)


def add_camera_routes(app: FastAPI) -> None:
    """Add the routes for cameras to the app itself, before all other routes."""
    captures.add_routes(app)
    reads.add_routes(app)
    makers.add_routes(app)
