"""The services that run here, and how each is built."""

from collections.abc import Mapping
from importlib import import_module
from typing import get_type_hints

from fastapi import FastAPI

from shared.settings import CommonSettings

APIS = ("identity", "ingest", "hotlist", "retention", "release", "audit")
"""Services that answer people or cameras, in the order in which they start."""

PAGES = ("console",)
"""Pages for people; they call the APIs, so they start last, and told where these are."""

ASKED_BY_PAGES = ("identity", "hotlist", "retention", "release", "audit")
"""APIs that the pages call."""

WORKERS = ("recognition",)
"""Services that only work events; each has its own process even here."""


def addresses(urls: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that tell the pages where the services are."""
    return {f"CONSOLE_{name.upper()}_URL": urls[name] for name in ASKED_BY_PAGES}


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
