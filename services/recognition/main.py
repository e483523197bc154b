"""Wires recognition: runtime, service, consumers; its only routes are those of every service."""

from fastapi import FastAPI

from services.recognition.engine.protocol import EngineFactory
from services.recognition.events import subscriptions
from services.recognition.service import RecognitionService
from services.recognition.settings import Settings
from services.recognition.spec import SPEC
from shared.http.app import create_app
from shared.service.runtime import Runtime


def build_app(
    settings: Settings,
    runtime: Runtime | None = None,
    *,
    make_engine: EngineFactory | None = None,
) -> FastAPI:
    """Return the app; it starts and stops with its lifespan. `make_engine` replaces the engine that settings name."""
    runtime = runtime or Runtime(SPEC, settings)
    service = RecognitionService.of(runtime, settings, make_engine)
    return create_app(SPEC, service, lifespan=lambda _: service.running(subscriptions(service)))
