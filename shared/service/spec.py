"""The declaration of a service, so that no other place lists services by hand.

A declaration (`services/<s>/spec.py`) imports only this module and its own list of problem codes, so the local stack,
the locks and the tests read every declaration cheaply. `settings_class` and `build_app` import the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from shared.core.errors import ProblemCode

if TYPE_CHECKING:
    from fastapi import FastAPI

    from shared.service.settings import CommonSettings

SERVICES = Path(__file__).parents[2] / "services"


class Kind(StrEnum):
    """The kind of a service."""

    API = "api"
    """Serves people or cameras, and has tables."""

    WORKER = "worker"
    """Only processes events, in its own process."""

    PAGES = "pages"
    """Serves pages, and calls the APIs as the person signed in; starts after them."""


class Dependency(StrEnum):
    """A dependency of a service, by its name in `/readyz`."""

    POSTGRES = "postgres"
    OBJECTS = "objects"
    AUDIT_LOG = "audit_log"
    """An audit log that is not too far behind."""

    TICK = "identity"
    """Identity's first current tick after the service's start."""


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One service. `services/<name>/` has its `settings.Settings` and its `main.build_app`."""

    name: str
    kind: Kind = Kind.API
    description: str
    """Description in the OpenAPI document."""

    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The groups of its operations, with what each is about; `health`, which every service has, is not among them."""

    uploads: tuple[str, ...] = ()
    """Patterns of upload paths, which have their own size limits; all other paths accept 1 MiB."""

    open_routes: frozenset[str] = frozenset()
    """Paths without a guard, besides those of every service; they never show ALPR data."""

    problem_codes: type[ProblemCode] | None = None
    """Its own list of problems, besides those that every service answers with."""

    ready_without: frozenset[Dependency] = frozenset()
    """Dependencies that it has, and whose failure leaves it ready."""

    sign_in_routes: frozenset[str] = frozenset()
    """Open paths that may refuse, such as a sign-in; each has its own rate limit."""

    @property
    def has_tables(self) -> bool:
        """Whether the service has its own schema in Postgres."""
        return self.kind is Kind.API

    @property
    def migrations(self) -> Path:
        """The folder of the migrations of a service that has tables."""
        return SERVICES / self.name / "migrations"

    @property
    def title(self) -> str:
        """Name in pages and documents."""
        return f"Plateward {self.name}"

    def settings_class(self) -> "type[CommonSettings]":
        """Import and return the class of its settings. Raises: TypeError for another object."""
        from shared.service.settings import CommonSettings  # takes a second

        found = import_module(f"services.{self.name}.settings").Settings
        if not (isinstance(found, type) and issubclass(found, CommonSettings)):
            message = f"services.{self.name}.settings.Settings is a class of CommonSettings"
            raise TypeError(message)
        return found

    def build_app(self, settings: "CommonSettings") -> "FastAPI":
        """Import the service and return its app, not started. Raises: TypeError for another object."""
        from fastapi import FastAPI  # takes a second

        app = import_module(f"services.{self.name}.main").build_app(settings)
        if not isinstance(app, FastAPI):
            message = f"services.{self.name}.main.build_app returns a FastAPI app"
            raise TypeError(message)
        return app
