"""What a service declares of itself, for all that would otherwise list services by hand.

A declaration (`services/<s>/spec.py`) imports this module alone, so the local stack, the locks and the tests
read all of them at no cost. What they build is imported when it is asked for.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from shared.service.settings import CommonSettings

SERVICES = Path(__file__).parents[2] / "services"


class Kind(StrEnum):
    """What a service is there for."""

    API = "api"
    """Answers people or cameras, and has tables."""

    WORKER = "worker"
    """Works events alone, in a process of its own."""

    PAGES = "pages"
    """Shows pages, and calls the APIs as the person signed in; it starts after them."""


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One service. `services/<name>/` has its `settings.Settings` and its `main.build_app`."""

    name: str
    kind: Kind = Kind.API
    description: str
    """What the OpenAPI document begins with."""

    called_by_pages: bool = True
    """Of an API: whether the pages call it."""

    uploads: tuple[str, ...] = ()
    """Patterns of paths that take files and bound them by limits of their own; all others take 1 MiB."""

    open_routes: frozenset[str] = frozenset()
    """Paths without a guard, besides those that every service has; none of them shows ALPR data."""

    sign_in_routes: frozenset[str] = frozenset()
    """Those of the open ones that refuse, as a sign-in does; each has an allowance of its own."""

    @property
    def has_tables(self) -> bool:
        """Whether it has a schema of its own in Postgres."""
        return self.kind is Kind.API

    @property
    def migrations(self) -> Path:
        """The folder of the migrations of a service that has tables."""
        return SERVICES / self.name / "migrations"

    @property
    def title(self) -> str:
        """What pages and documents call it."""
        return f"Plateward {self.name}"

    def settings_class(self) -> "type[CommonSettings]":
        """Import and return the class of its settings. Raises: TypeError when it is none."""
        from shared.service.settings import CommonSettings  # costs a second

        found = import_module(f"services.{self.name}.settings").Settings
        if not (isinstance(found, type) and issubclass(found, CommonSettings)):
            message = f"services.{self.name}.settings.Settings is a class of CommonSettings"
            raise TypeError(message)
        return found

    def build_app(self, settings: "CommonSettings") -> "FastAPI":
        """Import the service and return its app, not started. Raises: TypeError when it is none."""
        from fastapi import FastAPI  # costs a second

        app = import_module(f"services.{self.name}.main").build_app(settings)
        if not isinstance(app, FastAPI):
            message = f"services.{self.name}.main.build_app returns a FastAPI app"
            raise TypeError(message)
        return app
