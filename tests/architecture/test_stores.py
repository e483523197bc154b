"""Every store method that gives out records takes a `Grant` and discloses, in the transaction that read them."""

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from tests.architecture.disclosing import Method, Stores
from tests.architecture.reaching import Function, calls
from tests.architecture.source import HUMAN_SERVICES, ROOT, modules, tree
from tests.architecture.types_of_records import known_types, personal_types, record_types
from tests.architecture.undisclosed import ADMINISTRATIVE, DISCLOSED_BY_CALLER, NOT_GIVEN_OUT

LISTED = NOT_GIVEN_OUT.keys() | DISCLOSED_BY_CALLER.keys() | ADMINISTRATIVE.keys()


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def stores_of(service):
    """Not when the module is imported: the mutants are written into the sources after that."""
    trees = [tree(path) for folder in (f"services/{service}", "shared") for path in modules(folder)]
    held = record_types(trees) | personal_types(trees)
    found = {dotted(path): tree(path) for path in modules(f"services/{service}/store")}
    return Stores(found, held, known_types(trees))


def silent(stores: Stores) -> list[Method]:
    """Methods that give something out, and take no grant or disclose nothing."""
    return [
        method
        for method in stores.giving_out()
        if not (stores.needs_grant(method) and stores.discloses(method))
    ]


@pytest.mark.clause("468.3.1(d)/every-door")
def test_a_store_method_that_returns_records_discloses_them_itself():
    found, disclosing = set(), 0
    for service in HUMAN_SERVICES:
        stores = stores_of(service)
        undisclosed = {str(method) for method in silent(stores)}
        disclosing += len(list(stores.giving_out())) - len(undisclosed)
        found |= undisclosed
    assert disclosing >= 25, "found hardly any: the walk is broken, not the stores clean"
    assert not found - LISTED, "they give out records; take a grant and disclose, or list why not"
    assert not LISTED - found, "no longer there, or they disclose now"


def test_no_method_is_listed_twice():
    assert len(LISTED) == len(NOT_GIVEN_OUT) + len(DISCLOSED_BY_CALLER) + len(ADMINISTRATIVE)


@pytest.mark.clause("468.3.1(d)/every-door")
def test_every_store_method_annotates_its_arguments_and_return():
    checked = 0
    for service in HUMAN_SERVICES:
        checked += len(list(stores_of(service).public()))
        assert not [str(method) for method in stores_of(service).unannotated()]
    assert checked >= 300, "found hardly any method: the walk is broken"


def unclosed(parsed: ast.Module) -> Iterator[tuple[str, str, bool]]:
    """Yield each reader of a stream of DISCLOSED_BY_CALLER, the stream, and whether it awaits the disclosure."""
    closing = {name.rpartition(".")[2]: closes for name, closes in DISCLOSED_BY_CALLER.items()}
    for node in ast.walk(parsed):
        if isinstance(node, Function):
            reached = [
                (call.func.attr, awaited)
                for call, awaited in calls(node)
                if isinstance(call.func, ast.Attribute)
            ]
            for stream in closing.keys() & {name for name, _ in reached}:
                yield node.name, stream, (closing[stream], True) in reached


@pytest.mark.clause("468.3.1(d)/every-door")
def test_a_function_that_reads_a_stream_discloses_its_records():
    readers = [
        (dotted(path), *one)
        for path in modules("services/audit")
        if "store" not in path.parts
        for one in unclosed(tree(path))
    ]
    assert len(readers) >= len(DISCLOSED_BY_CALLER)
    assert not [one for one in readers if not one[-1]], "they show a stream and disclose nothing"


@pytest.mark.parametrize(
    "body",
    [
        "async for one in entries.exported(span): yield one",
        "found = entries.of_person(person)\n    self.disclose_report(grant, found)\n    return found",
        "return entries.exported(span)\n    await entries.disclose_report(grant, found)",
    ],
)
def test_a_stream_that_is_read_and_not_disclosed_is_found(body):
    [(name, _, disclosed)] = unclosed(ast.parse(f"async def show(entries):\n    {body}\n"))
    assert name == "show"
    assert not disclosed


TRUE = """
from shared.access.disclosing import disclose, disclosures
from shared.access.grant import Grant

class Read:
    plate: PlateText

class Count:
    number: int

class Wrapped:
    read: Read

async def told(connection: AsyncConnection, grant: Grant, found: Sequence[Read]) -> None:
    await disclose(connection, grant, "read", found)

class Reads:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, grant: Grant) -> Read | None:
        found = await self._find()
        await disclose(self._connection, grant, "read", found)
        return found

    async def page(self, grant: Grant) -> "list[Wrapped]":
        return await self._released(grant)

    async def _released(self, grant):
        await told(self._connection, grant, found)

    async def count(self, since: datetime) -> dict[UUID, tuple[Count, int]]: ...

    async def save(self, read: Read) -> None:
        self._saved = read

    def chunks(self, grant: Grant) -> AsyncIterator[Sequence[Read]]:
        return self._chunks(grant)

    async def _chunks(self, grant):
        for found in await self._find():
            await disclose(self._connection, grant, "read", found)
            yield found

    async def some(self, grant: Grant) -> list[Read]:
        shown = []
        async for one in self._chunks(grant):
            shown.append(one)
        return shown

    async def raised(self, grant: Grant) -> list[Read]:
        if found := await self._find():
            await emit(self._connection, "hotlist", *disclosures(grant, "read", found))
        return found

def read_of(row: RowMapping) -> Read:
    return Read(row.plate)

class Others:
    async def page(self, grant: Grant) -> Sequence[Row]:
        return await Reads(self._connection).get(grant)

    async def nested(self, grant: Grant) -> list[Read]:
        async def tell():
            await disclose(self._connection, grant, "read", found)
        await tell()
        return found
"""

PLANTED = {
    "says it and does not": '''
    async def bad(self, grant: Grant) -> Read:
        """Return a read and disclose(it)."""
        # disclose(self._connection, grant, "read", found)
        return "disclose("
''',
    "another class of the same method name": """
    async def bad(self, grant: Grant) -> Read:
        return await self._one(grant)

class Elsewhere:
    async def _one(self, grant):
        await disclose(self._connection, grant, "read", found)
""",
    "defined inside and never called": """
    async def bad(self, grant: Grant) -> list[Read]:
        async def tell():
            await disclose(self._connection, grant, "read", found)
        return []
""",
    "a name and no call": """
    async def bad(self, grant: Grant) -> list[Read]:
        later = disclose
        return []
""",
    "rows without a type": """
    async def bad(self, grant: Grant) -> Sequence[Mapping[str, Any]]:
        return []
""",
    "a class that holds a read": """
    async def bad(self, grant: Grant) -> dict[UUID, Wrapped]:
        return {}
""",
    "a stream": """
    async def bad(self, grant: Grant) -> AsyncIterator[Read]:
        yield await self._find()
""",
    "a plate by itself": """
    async def bad(self, grant: Grant) -> PlateText | None:
        return None
""",
    "plates that are packed": """
    async def bad(self, grant: Grant) -> AsyncIterator[list[bytes]]:
        yield []
""",
    "lines of text": """
    async def bad(self, grant: Grant) -> AsyncIterator[str]:
        yield ""
""",
    "another disclose": """
    async def bad(self, grant: Grant) -> Read:
        await self.log.disclose(grant)
""",
    "text": """
    async def bad(self, grant: Grant) -> str:
        return ""
""",
    "a list of text": """
    async def bad(self, grant: Grant) -> list[str]:
        return []
""",
    "a mapping of text": """
    async def bad(self, grant: Grant) -> dict[str, str]:
        return {}
""",
    "text under another name": """
    async def bad(self, grant: Grant) -> Numbers:
        return []

Numbers = list[str]
""",
    "a type of nobody": """
    async def bad(self, grant: Grant) -> Elsewhere:
        return Elsewhere()
""",
    "a container of anything": """
    async def bad(self, grant: Grant) -> list:
        return []
""",
    "no return type": """
    async def bad(self, grant: Grant):
        return []
""",
    "a stream that is not async": """
    def bad(self, grant: Grant) -> Iterator[Read]:
        yield self._find()
""",
    "a stream that is handed on": """
    def bad(self, grant: Grant) -> AsyncIterator[Read]:
        return self._stream()
""",
    "a list that it fills": """
    async def bad(self, grant: Grant, found: list[Read]) -> None:
        found.append(await self._find())
""",
    "a mapping that it fills": """
    async def bad(self, grant: Grant, found: dict[str, str]) -> int:
        found["plate"] = await self._find()
        return 1
""",
    "a list that it makes longer": """
    async def bad(self, grant: Grant, found: list[Read]) -> None:
        found += await self._find()
""",
    "a function that it calls": """
    async def bad(self, grant: Grant, show: Callable[[Read], None]) -> None:
        show(await self._find())
""",
    "not awaited": """
    async def bad(self, grant: Grant) -> Read:
        found = await self._find()
        disclose(self._connection, grant, "read", found)
        return found
""",
    "another method, not awaited": """
    async def bad(self, grant: Grant) -> Read:
        self._released(grant)
        return await self._find()
""",
    "events that are not emitted": """
    async def bad(self, grant: Grant) -> Read:
        events = disclosures(grant, "read", await self._find())
        return events
""",
    "where it never runs": """
    async def bad(self, grant: Grant) -> Read:
        if False:
            await disclose(self._connection, grant, "read", found)
        return await self._find()
""",
    "where a constant leaves it out": """
    async def bad(self, grant: Grant) -> Read:
        False and await disclose(self._connection, grant, "read", found)
        return await self._find()
""",
    "after its return": """
    async def bad(self, grant: Grant) -> Read:
        return await self._find()
        await disclose(self._connection, grant, "read", found)
""",
    "after both of its returns": """
    async def bad(self, grant: Grant) -> Read | None:
        if found:
            return found
        else:
            return None
        await disclose(self._connection, grant, "read", found)
""",
    "where the query failed": """
    async def bad(self, grant: Grant) -> Read:
        try:
            return await self._find()
        except ValueError:
            await disclose(self._connection, grant, "read", found)
""",
    "no records": """
    async def bad(self, grant: Grant) -> Read:
        await disclose(self._connection, grant, "read", [])
        return await self._find()
""",
    "no records under a name": """
    async def bad(self, grant: Grant) -> Read:
        shown = []
        await disclose(self._connection, grant, "read", shown)
        return await self._find()
""",
    "no grant": """
    async def bad(self, grant: Grant) -> Read:
        await disclose(self._connection, None, "read", found)
        return await self._find()
""",
    "calls itself": """
    async def bad(self, grant: Grant) -> Read:
        return await self.bad(grant)
""",
}


def planted(text):
    parsed = ast.parse(text)
    return Stores({"store": parsed}, record_types([parsed]), known_types([parsed]))


def test_a_store_method_that_returns_a_person_without_disclosing_is_reported():
    parsed = ast.parse(
        "class Account:\n    username: str\n"
        "class Session:\n    account: Account\n"
        "class Numbers:\n    async def next(self) -> int: ...\n"
        "class Sessions:\n    async def all(self) -> list[Session]: ...\n"
    )
    assert personal_types([parsed]) == {"Account", "Session"}
    stores = Stores({"store": parsed}, personal_types([parsed]), known_types([parsed]))
    [bad] = map(str, silent(stores))
    assert bad == "store:Sessions.all"


def test_disclosing_store_methods_are_recognised_by_their_calls():
    stores = planted(TRUE)
    given = {str(method) for method in stores.giving_out()}
    assert given == {
        "store:Reads.get", "store:Reads.page", "store:Reads.chunks", "store:Reads.some", "store:Reads.raised",
        "store:Others.page", "store:Others.nested",
    }  # fmt: skip
    assert not silent(stores)


@pytest.mark.parametrize("violation", PLANTED)
def test_a_store_method_that_returns_records_without_disclosing_is_reported(violation):
    stores = planted(TRUE + PLANTED[violation])
    [bad] = [m for m in stores.giving_out() if not stores.discloses(m)]
    assert bad.name == "bad"


@pytest.mark.parametrize(
    "head",
    [
        "async def bad(self):",
        "async def bad(self, grant) -> int:",
        "async def bad(self, *ids) -> int:",
        "def bad(self, since):",
    ],
)
def test_a_method_without_an_annotation_is_found(head):
    stores = planted(f"{TRUE}\n    {head} ...\n")
    [bad] = stores.unannotated()
    assert bad.name == "bad"


WITHOUT_GRANT = {
    "nothing": "async def bad(self) -> Read:",
    "an id in its place": "async def bad(self, grant: UUID) -> Read:",
    "no annotation": "async def bad(self, grant) -> Read:",
    "its name in a default": "async def bad(self, made_by: str = 'Grant') -> Read:",
}


@pytest.mark.parametrize("violation", WITHOUT_GRANT)
def test_a_store_method_that_returns_records_without_a_grant_is_reported(violation):
    body = "        await disclose(self._connection, self._grant, 'read', found)\n"
    stores = planted(f"{TRUE}\n    {WITHOUT_GRANT[violation]}\n{body}")
    [bad] = [m for m in stores.giving_out() if not stores.needs_grant(m)]
    assert bad.name == "bad"
    assert stores.discloses(bad)
