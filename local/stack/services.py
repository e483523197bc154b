"""The services that run here, and how each is built."""

import os
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from services.registry import SPECS, names
from shared.service.settings import CommonSettings
from shared.service.spec import Kind

APIS = names(Kind.API)
"""Services that answer people or cameras, in the order in which they start."""

PAGES = names(Kind.PAGES)
"""Pages for people; they call the APIs, so they start last, and told where these are."""

ASKED_BY_PAGES = tuple(name for name in APIS if SPECS[name].called_by_pages)
"""APIs that the pages call."""

WORKERS = names(Kind.WORKER)
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
    return before.lower() if found and before.lower() in SPECS else None


def build(name: str) -> FastAPI:
    """Return a service's app, with its settings from the environment, its own names of it first."""
    spec = SPECS[name]
    return spec.build_app(_settings(spec.settings_class(), name))


def _settings(chosen: type[CommonSettings], service: str) -> CommonSettings:
    """Build a service's settings; what is told to it alone wins over what is told to everybody."""
    prefix = f"{service.upper()}__"
    own: dict[str, Any] = {
        field: os.environ[f"{prefix}{field.upper()}"]
        for field in chosen.model_fields
        if f"{prefix}{field.upper()}" in os.environ
    }
    return chosen(**own)
