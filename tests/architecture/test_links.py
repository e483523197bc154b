"""Links to Kafka and Postgres are made in few places, so that none is left without its TLS and its login."""

import ast
from pathlib import Path

import aiokafka
import pytest
from aiokafka import admin, client, conn

from tests.architecture.source import ROOT, imports, modules, tree

PLACE = "shared/kafka/client.py"
SHIPPED = ("plateward", "shared", "services", "scenes", "local", "deploy")
MAKERS = {
    "AIOKafkaProducer",
    "AIOKafkaConsumer",
    "AIOKafkaAdminClient",
    "AIOKafkaClient",
    "AIOKafkaConnection",
    "create_conn",
}
"""What opens connections, by its name in aiokafka."""

OTHERS = ("kafka", "confluent_kafka", "faust", "faststream", "pykafka")
"""Other libraries that could."""


TO_POSTGRES = {
    "shared/postgres/database.py": {"create_async_engine", "asyncpg.connect"},
    "services/hotlist/workers/notices.py": {"asyncpg.connect"},
}
"""Who opens connections to Postgres, and by what; each takes a `DatabaseLink`."""

DRIVERS = ("asyncpg", "psycopg", "psycopg2")


def made_in(module: ast.Module) -> set[str]:
    """The makers that a module uses as a value: called, passed on or subclassed, under any alias.

    Where one is only named as a type, in an annotation, no client is made.
    """
    known = {name: name for name in MAKERS}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            known |= {a.asname: a.name for a in node.names if a.asname and a.name in MAKERS}
    annotations = {
        id(part)
        for node in ast.walk(module)
        for annotation in _annotations(node)
        for part in ast.walk(annotation)
    }
    return {
        known[name]
        for node in ast.walk(module)
        if id(node) not in annotations and (name := _name(node)) in known
    }


def _annotations(node: ast.AST) -> list[ast.expr]:
    found = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    return [expression for expression in found if expression is not None]


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def shipped() -> list[Path]:
    return [path for folder in SHIPPED for path in modules(folder)]


def test_kafka_clients_are_created_in_one_module() -> None:
    found = {path.relative_to(ROOT).as_posix(): made_in(tree(path)) for path in shipped()}
    assert {path: makers for path, makers in found.items() if makers} == {
        PLACE: {"AIOKafkaProducer", "AIOKafkaConsumer", "AIOKafkaAdminClient", "create_conn"}
    }


def test_the_check_covers_the_modules_that_use_kafka_clients() -> None:
    """Else the test above would pass because nothing talks to Kafka, or because nothing was read."""
    users = {
        path.relative_to(ROOT).as_posix()
        for path in shipped()
        if any(name.startswith("shared.kafka.client.Kafka") for name in imports(path))
    }
    assert users >= {
        "shared/kafka/bus.py",
        "shared/kafka/consumer.py",
        "shared/kafka/dead_letters.py",
        "shared/kafka/follower.py",
        "shared/service/runtime.py",
        "shared/kafka/topics_admin.py",
        "shared/kafka/trim.py",
    }


def test_the_list_of_kafka_client_classes_matches_the_library() -> None:
    for module in (aiokafka, admin, client, conn):
        public = {name for name in vars(module) if name.startswith("AIOKafka")}
        assert public - MAKERS <= {"AIOKafkaProtocol"}, module.__name__
    assert all(any(hasattr(m, name) for m in (aiokafka, admin, client, conn)) for name in MAKERS)


def test_no_other_library_talks_to_kafka() -> None:
    for path in shipped():
        found = [name for name in imports(path) if name.split(".")[0] in OTHERS]
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


@pytest.mark.parametrize(
    "source",
    [
        "import aiokafka\naiokafka.AIOKafkaProducer(bootstrap_servers='kafka:9092')",
        "from aiokafka import AIOKafkaProducer as P\nP()",
        "from aiokafka.client import AIOKafkaClient\nmake = AIOKafkaClient",
        "from aiokafka import AIOKafkaConsumer\nclass Mine(AIOKafkaConsumer): ...",
        "from aiokafka.conn import create_conn\nasync def f():\n    await create_conn('kafka', 9092)",
    ],
)
def test_the_check_finds_a_kafka_client_created_in_any_way(source: str) -> None:
    assert len(made_in(ast.parse(source))) == 1


def test_the_check_allows_a_kafka_client_as_a_type() -> None:
    source = "from aiokafka import AIOKafkaProducer\ndef f(p: AIOKafkaProducer) -> AIOKafkaProducer | None: ..."
    assert made_in(ast.parse(source)) == set()


def opens_postgres(module: ast.Module) -> set[str]:
    """What a module names of that which opens connections to Postgres: called, imported or passed on."""
    made = {"create_async_engine", "create_engine", "async_engine_from_config"}
    drivers = {f"{driver}.{name}" for driver in DRIVERS for name in ("connect", "create_pool")}
    named = {name for node in ast.walk(module) if (name := _name(node)) in made}
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in drivers:
            named.add(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            named |= {f"{node.module}.{a.name}" for a in node.names} & drivers
    return named


def test_connections_to_postgres_are_opened_only_where_the_link_is_known() -> None:
    shipped = [path for folder in ("shared", "services") for path in modules(folder)]
    found = {path.relative_to(ROOT).as_posix(): opens_postgres(tree(path)) for path in shipped}
    assert {path: calls for path, calls in found.items() if calls} == TO_POSTGRES
    for path in TO_POSTGRES:
        assert "shared.postgres.settings.DatabaseLink" in set(imports(ROOT / path))


@pytest.mark.parametrize(
    "source",
    [
        "import asyncpg\nasync def f():\n    await asyncpg.connect('postgresql://db/x')",
        "from asyncpg import create_pool\ncreate_pool()",
        "from sqlalchemy import create_engine\nmake = create_engine",
    ],
)
def test_the_check_finds_a_connection_opened_in_any_way(source: str) -> None:
    assert opens_postgres(ast.parse(source))
