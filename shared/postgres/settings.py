"""How Postgres is reached: settings, and what is refused about them at start, by name.

As with Kafka (`shared/kafka/settings.py`), a link to another machine is encrypted and the server proves
who it is, unless it is said that something else sees to it.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from shared.core.links import Given, checked_tls, is_this_machine

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's; asyncpg takes the same."""


@dataclass(frozen=True)
class DatabaseLink:
    """Where Postgres is, with user and password (a secret), and how the link is encrypted."""

    url: URL
    """Without its parameter for TLS; its own repr hides the password."""

    tls: ssl.SSLContext | str | None
    """A context, or a mode of libpq's; asyncpg's default (prefer) where None."""

    @classmethod
    def at(cls, where: "DatabaseLink | str") -> "DatabaseLink":
        """Return `where`; a bare address, as tests have it, is linked to as the environment says."""
        if isinstance(where, DatabaseLink):
            return where
        return DatabaseSettings(database_url=where, database_owner_url=None).database_link()

    @property
    def role(self) -> str | None:
        """Who signs in; the operating system's user where None."""
        return self.url.username

    @property
    def stays(self) -> bool:
        """Whether the database is on this machine."""
        return _stays(self.url)

    @property
    def dsn(self) -> str:
        """The address as asyncpg itself takes it; a secret."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """Further arguments of asyncpg.connect."""
        return {} if self.tls is None else {"ssl": self.tls}


class DatabaseSettings(BaseSettings):
    """What every client of Postgres reads from its environment."""

    # A setting that is refused is not shown: it may be a secret.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: str = "postgresql://postgres@127.0.0.1:5432/plateward"
    """postgresql://user:password@host:port/database, of the role that works; a secret."""

    database_owner_url: Annotated[str | None, Given] = None
    """The same database by the role that owns the tables; with it, and then only by it, they are made and
    changed (ADR-0016). A secret that a service at work needs no more."""

    database_allow_owner: bool = False
    """Work on another machine's database as a role that could change the tables, or reaches another service's, all
    the same."""

    database_ca_file: Annotated[Path | None, Given] = None
    """Certificates (PEM) of those who may sign the server's. With it links are encrypted and the server's
    name and signer checked, which is `ssl=verify-full` in the address."""

    database_allow_unverified: bool = False
    """Reach a database on another machine without that all the same: where something else protects the
    whole way to it."""

    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 5

    start_patience_s: Annotated[float, Field(ge=0)] = 120
    """How long a service, and what makes its tables, waits at its start for Postgres (and Kafka) to answer."""

    @model_validator(mode="after")
    def _database_fits_together(self) -> Self:
        """Refuse what contradicts itself or would leave a link open, and a file that does not hold."""
        links = {"DATABASE_URL": self.database_link()}
        if (owner := self.database_owner_link()) is not None:
            _refuse_one_role(links["DATABASE_URL"].role, owner.role)
            links["DATABASE_OWNER_URL"] = owner
        if self.database_ca_file is None and not self.database_allow_unverified:
            for name, link in links.items():
                _refuse_open_link(link, name)
        return self

    def database_link(self) -> DatabaseLink:
        """Return how Postgres is reached at work. Raises: ValueError."""
        return self._link(self.database_url, "DATABASE_URL")

    def database_owner_link(self) -> DatabaseLink | None:
        """Return how its tables' owner reaches Postgres, if that is told. Raises: ValueError."""
        if self.database_owner_url is None:
            return None
        return self._link(self.database_owner_url, "DATABASE_OWNER_URL")

    def _link(self, address: str, name: str) -> DatabaseLink:
        try:
            url = make_url(address)
        except (ArgumentError, ValueError):  # their text may hold the password
            raise ValueError(
                f"{name} is not written as postgresql://user:password@host:port/database"
            ) from None
        mode = _mode(url, name)
        url = url.difference_update_query(["ssl", "sslmode"])
        if self.database_ca_file is None:
            return DatabaseLink(url, mode)
        if mode not in {None, "verify-full"}:
            raise ValueError(
                f"{name} says ssl={mode}, and DATABASE_CA_FILE that the server is checked: "
                "leave ssl out, or say ssl=verify-full"
            )
        return DatabaseLink(url, checked_tls(self.database_ca_file, "DATABASE_CA_FILE"))


def _mode(url: URL, name: str) -> str | None:
    """Return what an address says of TLS, by either of its names. Raises: ValueError."""
    said = [mode for key in ("ssl", "sslmode") for mode in url.normalized_query.get(key, ())]
    if not said:
        return None
    if len(said) > 1 or said[0] not in MODES:
        raise ValueError(f"{name} has no single ssl of {', '.join(MODES)}")
    return said[0]


def _stays(url: URL) -> bool:
    """Whether all that an address names is on this machine."""
    hosts = [*([url.host] if url.host else []), *url.normalized_query.get("host", ())]
    names = [host.rsplit(":", 1)[0] if host.count(":") == 1 else host for host in hosts]
    return all(name.startswith("/") or is_this_machine(name) for name in names)


def _refuse_open_link(link: DatabaseLink, name: str) -> None:
    """Raise ValueError if anybody between here and Postgres could read along, or be it."""
    if not link.stays:
        raise ValueError(
            f"{name} reaches a database on another machine that could be anybody: set "
            "DATABASE_CA_FILE, or DATABASE_ALLOW_UNVERIFIED=true where something else protects the "
            "whole way"
        )


def _refuse_one_role(works: str | None, owns: str | None) -> None:
    """Raise ValueError unless it is told who works, and that it is not who owns."""
    if works is None:
        raise ValueError(
            "DATABASE_URL names no role, to which that of DATABASE_OWNER_URL could grant its tables"
        )
    if works == owns:
        raise ValueError(
            "DATABASE_URL and DATABASE_OWNER_URL name one role: give DATABASE_URL one that owns nothing"
        )
