"""The services that run here, and how to build each."""

import os
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from services.registry import SPECS, names
from shared.service.settings import CommonSettings
from shared.service.spec import Kind

APIS = names(Kind.API)
"""Services with routes for people or cameras, in the order in which they start."""

PAGES = names(Kind.PAGES)
"""Pages for people; they call the APIs, so they start last, with the APIs' addresses."""

WORKERS = names(Kind.WORKER)
"""Services that only process events; each has its own process even here."""


def addresses(urls: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with the addresses that the pages call."""
    return {f"CONSOLE_{name.upper()}_URL": urls[name] for name in APIS}


def environment_of(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return one service's environment: the common settings, and its own.

    `INGEST__DATABASE_URL` is ingest's DATABASE_URL and no other service's. Services in one process therefore each use
    their own secrets, and a service in its own process does not get the others'.
    """
    everybodys = {name: value for name, value in environment.items() if _owner(name) is None}
    prefix = f"{service.upper()}__"
    own = {n.removeprefix(prefix): v for n, v in environment.items() if n.startswith(prefix)}
    return {**everybodys, **own}


def names_database(environment: Mapping[str, str]) -> bool:
    """Whether an environment names a database, for all services or for one."""
    return any(name == "DATABASE_URL" or name.endswith("__DATABASE_URL") for name in environment)


def _owner(name: str) -> str | None:
    """Return the one service that a setting belongs to; None if it belongs to all."""
    before, found, _ = name.partition("__")
    return before.lower() if found and before.lower() in SPECS else None


def build(name: str) -> FastAPI:
    """Build a service's app with settings from the environment; its own settings override the common ones."""
    spec = SPECS[name]
    return spec.build_app(_settings(spec.settings_class(), name))


def _settings(chosen: type[CommonSettings], service: str) -> CommonSettings:
    """Build a service's settings; its own values override the common ones."""
    prefix = f"{service.upper()}__"
    own: dict[str, Any] = {
        field: os.environ[f"{prefix}{field.upper()}"]
        for field in chosen.model_fields
        if f"{prefix}{field.upper()}" in os.environ
    }
    return chosen(**own)
