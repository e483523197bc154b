"""The services that run here, and how each is built."""

from importlib import import_module
from typing import get_type_hints

from fastapi import FastAPI

from shared.settings import CommonSettings

APIS = ("identity", "ingest", "hotlist", "retention", "release", "audit")
"""Services that answer people or cameras, in the order in which they start."""

WORKERS = ("recognition",)
"""Services that only work events; each has its own process even here."""


def build(name: str) -> FastAPI:
    """Return a service's app, with its settings from the environment."""
    main = import_module(f"services.{name}.main")
    chosen = get_type_hints(main.build_app)["settings"]
    if not (isinstance(chosen, type) and issubclass(chosen, CommonSettings)):
        message = f"services.{name}.main.build_app takes `settings`, a class of CommonSettings"
        raise TypeError(message)
    app = main.build_app(chosen())
    if not isinstance(app, FastAPI):
        message = f"services.{name}.main.build_app returned no FastAPI app"
        raise TypeError(message)
    return app
