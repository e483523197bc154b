"""Links to Postgres: how settings build them, and which settings are refused, by name."""

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from deploy.compose.make_tls import Signer
from shared.postgres.database import Database, database_of
from shared.postgres.settings import MODES, DatabaseLink, DatabaseSettings

REMOTE = "postgresql://plateward:hunter2@db.example.org:5432/plateward"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clears the environment of settings of the database."""
    for name in DatabaseSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(Signer("test").certificate)
    return path


def refusal(**given: object) -> str:
    """Return the error text for invalid settings."""
    with pytest.raises(ValidationError) as refused:
        DatabaseSettings(**given)
    assert "hunter2" not in str(refused.value)
    return "; ".join(str(fault["msg"]) for fault in refused.value.errors())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://x@127.0.0.1:5432/x",
        "postgresql://x@localhost/x",
        "postgresql://x@[::1]/x",
        "postgresql:///x?host=/var/run/postgresql",
        "postgresql:///x?host=127.0.0.1:5432&host=127.0.0.1:5433",
        "postgresql:///x",
    ],
)
def test_a_local_database_needs_no_tls(url: str) -> None:
    link = DatabaseSettings(database_url=url).database_link()
    assert link.arguments == {}
    assert make_url(link.dsn) == make_url(url)


@pytest.mark.clause("468.5/encrypted")
@pytest.mark.parametrize(
    "url",
    [
        REMOTE,
        f"{REMOTE}?ssl=require",
        f"{REMOTE}?sslmode=verify-ca",
        f"{REMOTE}?ssl=verify-full",
        "postgresql://x:hunter2@/x?host=127.0.0.1:5432&host=db.example.org:5432",
    ],
)
def test_a_remote_database_without_verification_is_refused(url: str) -> None:
    fault = refusal(database_url=url)
    assert "DATABASE_CA_FILE" in fault
    assert "DATABASE_ALLOW_UNVERIFIED=true" in fault
    DatabaseSettings(database_url=url, database_allow_unverified=True)


@pytest.mark.parametrize("said", ["", "?ssl=verify-full", "?sslmode=verify-full"])
def test_a_ca_file_enables_verification_of_name_and_signer_from_tls_1_2_on(
    ca: Path, said: str
) -> None:
    link = DatabaseSettings(database_url=f"{REMOTE}{said}", database_ca_file=ca).database_link()
    context = link.arguments["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname is True
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert link.dsn == REMOTE


@pytest.mark.parametrize("name", ["ssl", "sslmode"])
@pytest.mark.parametrize("mode", MODES)
def test_either_name_of_the_ssl_mode_is_passed_to_the_driver_and_removed_from_the_address(
    name: str, mode: str
) -> None:
    settings = DatabaseSettings(
        database_url=f"{REMOTE}?{name}={mode}&application_name=x", database_allow_unverified=True
    )
    link = settings.database_link()
    assert link.arguments == {"ssl": mode}
    assert link.dsn == f"{REMOTE}?application_name=x"
    assert Database(link, "sample").engine.url.query == {"application_name": "x"}


@pytest.mark.parametrize("mode", [m for m in MODES if m != "verify-full"])
def test_a_ca_file_with_an_unverified_ssl_mode_is_refused(ca: Path, mode: str) -> None:
    fault = refusal(database_url=f"{REMOTE}?ssl={mode}", database_ca_file=ca)
    assert f"DATABASE_URL has ssl={mode}, but DATABASE_CA_FILE" in fault


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (f"{REMOTE}?ssl=yes", "DATABASE_URL may have one ssl parameter"),
        (f"{REMOTE}?ssl=require&sslmode=disable", "DATABASE_URL may have one ssl parameter"),
        ("hunter2", "DATABASE_URL must have the form postgresql://"),
        ("postgresql://x:hunter2@db:hunter2/x", "DATABASE_URL must have the form postgresql://"),
    ],
)
def test_an_unreadable_database_address_is_refused_without_being_printed(
    url: str, fault: str
) -> None:
    assert fault in refusal(database_url=url)


def test_a_signer_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    fault = refusal(database_url=REMOTE, database_ca_file=tmp_path / "absent.pem")
    assert "DATABASE_CA_FILE is not a readable file of certificates" in fault


def test_the_repr_of_a_database_link_contains_no_password(ca: Path) -> None:
    link = DatabaseSettings(database_url=REMOTE, database_ca_file=ca).database_link()
    assert "db.example.org" in f"{link!r}"
    assert "hunter2" not in f"{link!r} {link}"


# --- the owner of the tables (ADR-0016) -----------------------------------------------------------

WORKS = "postgresql://works:hunter2@127.0.0.1/plateward"
OWNS = "postgresql://owns:hunter2@127.0.0.1/plateward"


@pytest.mark.parametrize("given", [None, ""])
def test_without_an_owner_url_there_is_no_owner_link(given: str | None) -> None:
    assert DatabaseSettings(database_owner_url=given).database_owner_link() is None


def test_the_owner_url_has_the_same_tls_rules(ca: Path) -> None:
    remote = OWNS.replace("127.0.0.1", "db.example.org")
    owner = DatabaseSettings(
        database_url=WORKS, database_owner_url=remote, database_ca_file=ca
    ).database_owner_link()
    assert owner is not None
    assert isinstance(owner.tls, ssl.SSLContext)
    assert (owner.role, owner.stays) == ("owns", False)
    fault = refusal(database_url=WORKS, database_owner_url=remote)
    assert "DATABASE_OWNER_URL names a database on another machine" in fault
    fault = refusal(database_url=WORKS, database_owner_url=f"{OWNS}?ssl=yes")
    assert "DATABASE_OWNER_URL may have one ssl parameter" in fault


@pytest.mark.parametrize(
    ("works", "owns", "fault"),
    [
        (OWNS, OWNS, "DATABASE_URL and DATABASE_OWNER_URL name one role"),
        (f"{OWNS}?ssl=disable", OWNS, "DATABASE_URL and DATABASE_OWNER_URL name one role"),
        ("postgresql://127.0.0.1/plateward", OWNS, "DATABASE_URL must name a role"),
        (WORKS, "hunter2", "DATABASE_OWNER_URL must have the form postgresql://"),
    ],
)
def test_an_invalid_owner_url_is_refused(works: str, owns: str, fault: str) -> None:
    assert fault in refusal(database_url=works, database_owner_url=owns)


def test_the_repr_of_an_owner_link_contains_no_password() -> None:
    settings = DatabaseSettings(database_url=WORKS, database_owner_url=OWNS)
    assert "hunter2" not in f"{settings.database_owner_link()!r}"


def test_a_link_to_an_address_has_the_role_of_the_environments_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", OWNS)
    assert DatabaseLink.at(OWNS).role == "owns"


async def test_an_error_of_a_statement_does_not_show_its_values() -> None:
    async with database_of("postgresql://x@127.0.0.1/x", "sample") as db:
        assert db.engine.sync_engine.hide_parameters
