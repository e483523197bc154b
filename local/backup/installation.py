"""The installation that a backup is made of, or restored to: its database, objects, keys and Kafka.

The environment names them, as for the services; what it leaves out is that of the embedded stack on a folder.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from local.stack.broker import Broker
from local.stack.data import port_of
from local.stack.key_material import MAC_KEYS
from local.stack.keys import ADDED, KEYS, REPLACEABLE, UNDER_THE_ROOT
from local.stack.postgres import Postgres
from local.stack.process import LocalError
from local.stack.schema import OWNER
from local.stack.servers import ROOT
from local.stack.state_file import StateFile
from shared.core.errors import InternalFault
from shared.core.policy import Policy, load_policy
from shared.objects.opening import open_store
from shared.objects.store import ObjectStore
from shared.postgres.settings import DatabaseLink, DatabaseSettings

OTHER_SECRETS = (
    "AUDIT_EVENT_MAC_KEYS",
    "AUDIT_NEXT_SIGNING_KEY",
    "AUDIT_VALUES_OLD_KEYS",
    "EVENT_MAC_KEY",
    "HOTLIST_OTHER_ID_KEYS",
    "IDENTITY_OTHER_KEY_ENCRYPTION_KEYS",
    "INGEST_OTHER_ID_KEYS",
    "RETENTION_NEXT_SIGNING_KEY",
)
"""Settings with keys that the embedded stack does not draw."""

SECRETS = (*KEYS, *REPLACEABLE, *ADDED, *UNDER_THE_ROOT, *OTHER_SECRETS)
"""The settings whose values a backup seals: without them the database cannot be read or its log continued."""

NEEDED = frozenset({*KEYS, *REPLACEABLE, *ADDED}) - set(MAC_KEYS)
"""Those that every installation has; a backup without one says so."""


@dataclass(frozen=True)
class Installation:
    """The stores and keys of an installation."""

    database: DatabaseLink
    """The link of the role that owns the tables."""

    objects: ObjectStore
    keys: Mapping[str, str]
    """Secrets by the names of their settings."""

    policy: Policy
    kafka: str | None
    """Its Kafka's address; None if it is not known."""

    at_work: bool = True
    """Whether its services run, as far as is known."""


@contextmanager
def installation(folder: Path, given: Mapping[str, str]) -> Iterator[Installation]:
    """Yield the installation to back up; starts Postgres and the broker of an embedded stack that is down.

    Raises: InternalFault if there is none.
    """
    with ExitStack() as stack:
        database = _named_database(given)
        if database is None:
            database = _database_of(folder, stack)
            yield _with_broker(_of(folder, given, database), folder, stack)
        else:
            yield _named(given, database)


@contextmanager
def new_installation(folder: Path, given: Mapping[str, str]) -> Iterator[Installation]:
    """Yield the installation to restore to; without a database in the environment, a new embedded stack's.

    Raises: InternalFault if the folder has data.
    """
    with ExitStack() as stack:
        database = _named_database(given)
        if database is None:
            if (folder / "postgres" / "data").exists():
                raise InternalFault(f"{folder} has data of a stack: name a folder without any")
            folder.mkdir(parents=True, exist_ok=True)
            server = stack.enter_context(Postgres(folder / "postgres"))
            yield _of(folder, given, DatabaseLink.at(server.url()))
        else:
            yield _named(given, database)


def _named_database(given: Mapping[str, str]) -> DatabaseLink | None:
    if (owner := given.get(OWNER)) is None:
        return None
    named = {n: given[n.upper()] for n in DatabaseSettings.model_fields if n.upper() in given}
    fields: dict[str, str | None] = {
        **named,
        "database_url": owner,
        "database_owner_url": None,
    }
    return DatabaseSettings.model_validate(fields).database_link()


def _database_of(folder: Path, stack: ExitStack) -> DatabaseLink:
    servers = folder / "postgres"
    if not (servers / "data").exists():
        raise InternalFault(
            f"no stack has run on {folder}: name its folder with --folder, or a database with {OWNER}"
        )
    try:
        server = Postgres(servers, port=port_of(servers))
    except LocalError:
        server = stack.enter_context(Postgres(servers))
    return DatabaseLink.at(server.url())


def _with_broker(stopped: Installation, folder: Path, stack: ExitStack) -> Installation:
    """Return an installation with its Kafka, which is started if it is the embedded broker of a stack that is down."""
    log = folder / "broker"
    if stopped.kafka is not None or not (log / "log").exists():
        return stopped
    return replace(stopped, kafka=stack.enter_context(Broker(log)).bootstrap, at_work=False)


def _named(given: Mapping[str, str], database: DatabaseLink) -> Installation:
    """Return the installation that the environment names whole. Raises: InternalFault without its object store."""
    if "OBJECT_STORE_URL" not in given:
        raise InternalFault(f"{OWNER} is set: set OBJECT_STORE_URL of the same installation, too")
    return Installation(
        database=database,
        objects=open_store(given["OBJECT_STORE_URL"]),
        keys=_named_keys(given),
        policy=_policy(given),
        kafka=given.get("KAFKA_BOOTSTRAP"),
    )


def _of(folder: Path, given: Mapping[str, str], database: DatabaseLink) -> Installation:
    running = StateFile(folder / "stack.json").read()
    return Installation(
        database=database,
        objects=open_store(given.get("OBJECT_STORE_URL") or (folder / "objects").as_uri()),
        keys=_keys(folder / "keys", given),
        policy=_policy(given),
        kafka=given.get("KAFKA_BOOTSTRAP") or (running.kafka if running else None),
    )


def _policy(given: Mapping[str, str]) -> Policy:
    return load_policy(Path(given.get("POLICY_FILE", ROOT / "policy.toml")))


def _named_keys(given: Mapping[str, str]) -> dict[str, str]:
    return {
        name: _lines(value)
        for name, value in given.items()
        if name in SECRETS or name.partition("__")[2] in SECRETS
    }


def _lines(value: str) -> str:
    r"""Return a PEM with ends of lines: a shell that reads compose's `.env` leaves them as `\n`, which opens no key."""
    return value.replace("\\n", "\n") if value.startswith("-----BEGIN ") else value


def _keys(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets in the environment, also those of one service, and the others from the stack's files."""
    named = _named_keys(given)
    stored = {
        name: path.read_text()
        for name in SECRETS
        if name not in named and (path := folder / name.lower()).exists()
    }
    return {**stored, **named}


def write_keys(folder: Path, keys: Mapping[str, str]) -> None:
    """Write keys as the files that a stack on the folder reads. Raises: FileExistsError."""
    places = folder / "keys"
    places.mkdir(parents=True, mode=0o700, exist_ok=True)
    for name, value in keys.items():
        path = places / name.lower()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value)
