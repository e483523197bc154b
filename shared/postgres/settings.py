"""Settings of the connection to Postgres, and their checks at start.

As with Kafka (`shared/kafka/settings.py`), a link to another machine is encrypted and authenticates the server,
unless a setting allows otherwise.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from shared.core.links import Given, checked_tls, is_this_machine
from shared.core.patience_settings import PatienceSettings

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""libpq's TLS modes, which asyncpg accepts too."""


@dataclass(frozen=True)
class DatabaseLink:
    """Postgres' address with user and password (a secret), and the TLS of the link."""

    url: URL
    """The address without its TLS parameter; its repr hides the password."""

    tls: ssl.SSLContext | str | None
    """A context or one of libpq's modes; None for asyncpg's default (prefer)."""

    @classmethod
    def at(cls, where: "DatabaseLink | str") -> "DatabaseLink":
        """Return `where`; for a bare address, as in tests, the link with the environment's TLS settings."""
        if isinstance(where, DatabaseLink):
            return where
        return DatabaseSettings(database_url=where, database_owner_url=None).database_link()

    @property
    def role(self) -> str | None:
        """The role that signs in; None for the operating system's user."""
        return self.url.username

    @property
    def stays(self) -> bool:
        """Whether the database is on this machine."""
        return _stays(self.url)

    @property
    def dsn(self) -> str:
        """The address in asyncpg's form; a secret."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """Further arguments of asyncpg.connect."""
        return {} if self.tls is None else {"ssl": self.tls}


class DatabaseSettings(PatienceSettings):
    """The settings that every client of Postgres reads from its environment."""

    # Errors hide a refused setting: it may be a secret.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: str = "postgresql://postgres@127.0.0.1:5432/plateward"
    """postgresql://user:password@host:port/database, of the working role; a secret."""

    database_owner_url: Annotated[str | None, Given] = None
    """The same database for the role that owns the tables. If set, only this role creates and changes them
    (ADR-0016). A secret; a running service does not need it."""

    database_allow_owner: bool = False
    """Allow a working role that could change the tables, or that reaches another service's, on another machine's
    database."""

    database_ca_file: Annotated[Path | None, Given] = None
    """CA certificates (PEM) for the server's certificate. If set, links are encrypted and check the server's name
    and signer, like `ssl=verify-full` in the address."""

    database_allow_unverified: bool = False
    """Allow a database on another machine without that check: for networks that protect the whole path to it."""

    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 5

    @model_validator(mode="after")
    def _database_fits_together(self) -> Self:
        """Refuse contradictory settings, an unprotected link, and an invalid certificate file."""
        links = self.database_links()
        if (owner := links.get("DATABASE_OWNER_URL")) is not None:
            _refuse_one_role(links["DATABASE_URL"].role, owner.role)
        if self.database_ca_file is None and not self.database_allow_unverified:
            for name, link in links.items():
                _refuse_open_link(link, name)
        return self

    def database_links(self) -> dict[str, DatabaseLink]:
        """Return the links to databases by the names of their settings. Raises: ValueError."""
        links = {"DATABASE_URL": self.database_link()}
        if (owner := self.database_owner_link()) is not None:
            links["DATABASE_OWNER_URL"] = owner
        return links

    def database_link(self) -> DatabaseLink:
        """Return the link of the working role. Raises: ValueError."""
        return self._link(self.database_url, "DATABASE_URL")

    def database_owner_link(self) -> DatabaseLink | None:
        """Return the link of the tables' owner, or None if not set. Raises: ValueError."""
        if self.database_owner_url is None:
            return None
        return self._link(self.database_owner_url, "DATABASE_OWNER_URL")

    def _link(self, address: str, name: str) -> DatabaseLink:
        try:
            url = make_url(address)
        except (ArgumentError, ValueError):  # their text may hold the password
            raise ValueError(
                f"{name} must have the form postgresql://user:password@host:port/database"
            ) from None
        mode = _mode(url, name)
        url = url.difference_update_query(["ssl", "sslmode"])
        if self.database_ca_file is None:
            return DatabaseLink(url, mode)
        if mode not in {None, "verify-full"}:
            raise ValueError(
                f"{name} has ssl={mode}, but DATABASE_CA_FILE requires a check of the server: "
                "remove ssl, or set ssl=verify-full"
            )
        return DatabaseLink(url, checked_tls(self.database_ca_file, "DATABASE_CA_FILE"))


def _mode(url: URL, name: str) -> str | None:
    """Return the TLS mode of an address (`ssl` or `sslmode`), or None. Raises: ValueError."""
    said = [mode for key in ("ssl", "sslmode") for mode in url.normalized_query.get(key, ())]
    if not said:
        return None
    if len(said) > 1 or said[0] not in MODES:
        raise ValueError(f"{name} may have one ssl parameter: {', '.join(MODES)}")
    return said[0]


def _stays(url: URL) -> bool:
    """Whether every host of an address is this machine."""
    hosts = [*([url.host] if url.host else []), *url.normalized_query.get("host", ())]
    names = [host.rsplit(":", 1)[0] if host.count(":") == 1 else host for host in hosts]
    return all(name.startswith("/") or is_this_machine(name) for name in names)


def _refuse_open_link(link: DatabaseLink, name: str) -> None:
    """Raise ValueError if a third party on the network could read the link or impersonate Postgres."""
    if not link.stays:
        raise ValueError(
            f"{name} names a database on another machine without a check of the server: set "
            "DATABASE_CA_FILE, or DATABASE_ALLOW_UNVERIFIED=true if the network protects the "
            "whole path"
        )


def _refuse_one_role(works: str | None, owns: str | None) -> None:
    """Raise ValueError unless the working role is named and differs from the owner."""
    if works is None:
        raise ValueError(
            "DATABASE_URL must name a role, to which the role of DATABASE_OWNER_URL grants rights"
        )
    if works == owns:
        raise ValueError(
            "DATABASE_URL and DATABASE_OWNER_URL name one role: give DATABASE_URL a role that owns no tables"
        )
