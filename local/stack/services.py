"""The services that run here, and how each is built."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, get_type_hints

from fastapi import FastAPI

from shared.service.settings import CommonSettings

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


def environment_of(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what one service is told: all that concerns everybody, and what concerns it alone.

    `INGEST__DATABASE_URL` is ingest's DATABASE_URL and nobody else's. So services that share a process
    each work with secrets of their own, and one in its own process is not told those of the others.
    """
    everybodys = {name: value for name, value in environment.items() if _owner(name) is None}
    prefix = f"{service.upper()}__"
    own = {n.removeprefix(prefix): v for n, v in environment.items() if n.startswith(prefix)}
    return {**everybodys, **own}


def names_database(environment: Mapping[str, str]) -> bool:
    """Tell whether an environment names a database, for everybody or for one service."""
    return any(name == "DATABASE_URL" or name.endswith("__DATABASE_URL") for name in environment)


def _owner(name: str) -> str | None:
    """Return the service that a name in the environment concerns alone."""
    before, found, _ = name.partition("__")
    return before.lower() if found and before.lower() in (*APIS, *WORKERS, *PAGES) else None


def build(name: str) -> FastAPI:
    """Return a service's app, with its settings from the environment, its own names of it first."""
    main = import_module(f"services.{name}.main")
    chosen = get_type_hints(main.build_app)["settings"]
    if not (isinstance(chosen, type) and issubclass(chosen, CommonSettings)):
        message = f"services.{name}.main.build_app takes `settings`, a class of CommonSettings"
        raise TypeError(message)
    app = main.build_app(_settings(chosen, name))
    if not isinstance(app, FastAPI):
        message = f"services.{name}.main.build_app returned no FastAPI app"
        raise TypeError(message)
    return app


def _settings(chosen: type[CommonSettings], service: str) -> CommonSettings:
    """Build a service's settings; what is told to it alone wins over what is told to everybody."""
    prefix = f"{service.upper()}__"
    own: dict[str, Any] = {
        field: os.environ[f"{prefix}{field.upper()}"]
        for field in chosen.model_fields
        if f"{prefix}{field.upper()}" in os.environ
    }
    return chosen(**own)
