"""Every store method that gives out records takes a `Grant` and discloses, in the transaction that read them."""

import ast
from functools import cache

import pytest

from tests.architecture.disclosing import Stores, names_in, personal_types, record_types
from tests.architecture.source import HUMAN_SERVICES, ROOT, modules, tree

NOT_GIVEN_OUT = {
    "services.audit.store.findings:Findings.lock": "for the step that follows; `get` shows it after",
    "services.audit.store.keys:KeyChanges.all": "changes of the log's signing keys; public",
    "services.audit.store.keys:KeyChanges.rows": "changes of the log's signing keys; public",
    "services.audit.store.log:Log.entry": "the log as its own writer continues and verifies it",
    "services.audit.store.log:Log.rows": "exports, which `disclose_span` records, and verification",
    "services.audit.store.stream:Stream.account_changes": "what the rules look at; no plate",
    "services.audit.store.stream:Stream.contradictions": "what the rules look at; findings are shown",
    "services.audit.store.stream:Stream.disclosed": "counts, for the rules",
    "services.audit.store.stream:Stream.since": "what the rules look at; findings are shown",
    "services.audit.store.values:Values.certificate": "how much a purge destroyed; no plate",
    "services.audit.store.values:Values.erase": "how much was erased",
    "services.audit.store.values:Values.lines": "exports, which `disclose_span` records",
    "services.audit.store.values:Values.lines_before": "exports, which `disclose_span` records",
    "services.audit.store.values:Values.of": "values beside entries that `search.Entries` discloses",
    "services.audit.store.values:Values.of_span": "exports, which `disclose_span` records",
    "services.hotlist.store.alerts:Alerts.after": "feeds the hub; `deliver` discloses each alert first",
    "services.hotlist.store.entries:Entries.remove_doubled": "lines of the upload that is under way",
    "services.hotlist.store.feed:Feed.difference": "what the index in memory is made from",
    "services.hotlist.store.feed:Feed.partials": "what the index in memory is made from",
    "services.hotlist.store.feed:Feed.plates": "what the index in memory is made from",
    "services.hotlist.store.raised:Raised.listed": "what the matcher raises hits from",
    "services.release.store.requests:Requests.lock": "for the step that follows; `get` shows it after",
    "services.retention.store.exports:ExportQueue.claim": "work that waits; its reads are disclosed when packed",
    "services.retention.store.holds:HoldsInForce.all": "holds as the purge weighs them",
    "services.retention.store.keys:Keys.changes": "changes of the packages' signing keys; public",
    "services.retention.store.packages:Packages.claim": "work that waits; its reads are disclosed when packed",
    "services.retention.store.pass_queue:Passing.around": "what the vote of a pass is made from",
    "services.retention.store.runs:Runs.due": "facts and counts of a purge; no record",
    "services.retention.store.runs:Runs.get": "facts and counts of a purge; no record",
    "services.retention.store.runs:Runs.page": "facts and counts of a purge; no record",
    "services.retention.store.runs:Runs.standing": "facts and counts of a purge; no record",
    "services.retention.store.runs:Runs.unfinished": "facts and counts of a purge; no record",
}
"""Methods that read for the service's own work or return no records, with the reason why no person sees any."""

DISCLOSED_BY_CALLER = {
    "services.audit.store.search:Entries.exported": "disclose_report",
    "services.audit.store.search:Entries.exported_of_old": "disclose_report",
    "services.audit.store.search:Entries.of_person": "disclose_report",
}
"""Streams, and the method that their reader calls in the same function."""


ADMINISTRATIVE = {
    "services.identity.store.accounts:Accounts.administrators": "whom the command line counts; shows no person",
    "services.identity.store.accounts:Accounts.changed_since": "changes that are published signed; shown to nobody",
    "services.identity.store.accounts:Accounts.everybody": "the state that is published signed; shown to nobody",
    "services.identity.store.accounts:Accounts.find": "the subject of a step; a route answers with it by `get`",
    "services.identity.store.accounts:Accounts.find_username": "who signs in, before there is a grant",
    "services.identity.store.accounts:Accounts.get": "own account, or accounts for `account:read` and `account:manage`",
    "services.identity.store.accounts:Accounts.inactive_since": "whom the daily run disables",
    "services.identity.store.accounts:Accounts.not_announced_under": "changes that are published signed",
    "services.identity.store.accounts:Accounts.page": "accounts for `account:read`",
    "services.identity.store.accounts:Accounts.reviewed_before": "reviews that are due, for `account:read`",
    "services.identity.store.accounts:Accounts.trained_before": "training that is due, for `training:record`",
    "services.identity.store.credentials:Credentials.find": "what a password and a code are checked against",
    "services.identity.store.invitations:Invitations.of": "the invitation of a step",
    "services.identity.store.invitations:Invitations.of_token": "who enrols, before there is a grant",
    "services.identity.store.invitations:Invitations.proposal": "the proposal of a step",
    "services.identity.store.invitations:Invitations.proposed": "proposals to approve, for `account:manage`",
    "services.identity.store.invitations:Invitations.to_deliver": "invitations to deliver, for `account:deliver`",
    "services.identity.store.records:LimitLifts.of": "releases of a person, for `account:read`",
    "services.identity.store.records:Trainings.of": "training of a person, for `account:read`",
    "services.identity.store.sessions:Sessions.lock": "the session of a step",
    "services.identity.store.sessions:Sessions.stale": "sessions that the daily run closes",
    "services.audit.store.audits:Audits.lock": "for the step that follows; `get` discloses it after",
    "services.audit.store.policies:Policies.all": "the department's policy, and who acknowledged it",
    "services.audit.store.policies:Policies.get": "the department's policy, and who acknowledged it",
}
"""Methods of identity and audit that give out who a person is, and no sighting, and what for.

Such data are no ALPR data: the guard records every access to them with its permission, and no disclosure follows."""


@cache
def people():
    """As `records`, of people."""
    return personal_types(
        tree(path) for folder in ("services", "shared") for path in modules(folder)
    )


@cache
def records():
    """Not when the module is imported: the mutants are written into the sources after that."""
    return record_types(tree(path) for folder in ("services", "shared") for path in modules(folder))


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def stores_of(service, types=records):
    paths = [*modules(f"services/{service}"), ROOT / f"services/{service}/store.py"]
    found = {
        dotted(path): tree(path)
        for path in paths
        if path.exists() and path.relative_to(ROOT / "services" / service).parts[0][:5] == "store"
    }
    return Stores(found, types())


def needs_grant(stores, method):
    """Whether a method, or what makes its object, has a grant among its arguments."""
    arguments = [*method.node.args.args, *method.node.args.kwonlyargs]
    if any("Grant" in names_in(argument.annotation) for argument in arguments):
        return True
    made = stores.made_with(method)
    return any("Grant" in names_in(a.annotation) for f in made for a in f.args.args)


@pytest.mark.clause("468.3.1(d)/every-door")
def test_what_a_store_gives_out_is_disclosed_by_the_method_that_gives_it():
    unused = NOT_GIVEN_OUT.keys() | DISCLOSED_BY_CALLER.keys()
    disclosing = 0
    for service in HUMAN_SERVICES:
        stores = stores_of(service)
        for method in stores.giving_out():
            if stores.discloses(method):
                disclosing += 1
                continue
            name = str(method)
            assert name in NOT_GIVEN_OUT or name in DISCLOSED_BY_CALLER, (
                f"{name} gives out {ast.unparse(method.node.returns)} and discloses nothing"
            )
            unused -= {name}
    assert disclosing >= 25, "found hardly any: the walk is broken, not the stores clean"
    assert not unused, f"no longer there, or they disclose now: {unused}"


def test_what_a_store_gives_out_needs_a_grant():
    checked = 0
    for service in HUMAN_SERVICES:
        stores = stores_of(service)
        for method in stores.giving_out():
            if str(method) in NOT_GIVEN_OUT:
                continue
            if str(method) in DISCLOSED_BY_CALLER:
                continue
            checked += 1
            assert needs_grant(stores, method), f"{method} gives out records without a grant"
    assert checked >= 25


@pytest.mark.clause("468.3.1(d)/every-door")
def test_who_reads_a_stream_discloses_what_it_gave_in_the_same_function():
    found = 0
    for name, closing in DISCLOSED_BY_CALLER.items():
        called = name.rpartition(".")[2]
        for path in modules("services/audit"):
            for node in ast.walk(tree(path)):
                if not isinstance(node, ast.AsyncFunctionDef) or "store" in path.parts:
                    continue
                calls = {
                    call.func.attr
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
                }
                if called in calls:
                    found += 1
                    assert closing in calls, (
                        f"{dotted(path)}:{node.name} shows and discloses nothing"
                    )
    assert found >= len(DISCLOSED_BY_CALLER)


def test_what_a_store_gives_out_of_people_is_disclosed_or_known_as_administrative():
    known = NOT_GIVEN_OUT.keys() | DISCLOSED_BY_CALLER.keys()
    unused, judged = set(ADMINISTRATIVE), 0
    for service in ("identity", "audit"):
        stores = stores_of(service, people)
        undisclosed = {
            str(m)
            for m in stores.giving_out()
            if not (stores.discloses(m) and needs_grant(stores, m))
        }
        judged += len(list(stores.giving_out()))
        assert not undisclosed - known - ADMINISTRATIVE.keys(), (
            "they give out who a person is; disclose it, or say in ADMINISTRATIVE what for"
        )
        unused -= undisclosed
    assert judged >= 30, "found hardly any: the walk is broken"
    assert not unused, f"no longer there, or they disclose now: {unused}"


TRUE = """
from shared.access.disclosing import disclose
from shared.access.grant import Grant

class Read:
    plate: PlateText

class Wrapped:
    read: Read

async def told(connection, grant, found):
    await disclose(connection, grant, "read", found)

class Reads:
    async def get(self, grant: Grant) -> Read | None:
        found = await self._find()
        await disclose(self._connection, grant, "read", found)
        return found

    async def page(self, grant: Grant) -> "list[Wrapped]":
        return await self._released(grant)

    async def _released(self, grant):
        await told(self._connection, grant, [])

class Others:
    async def page(self, grant: Grant) -> Sequence[Row]:
        return await Reads(self._connection).get(grant)

    async def nested(self, grant: Grant) -> list[Read]:
        async def tell():
            await disclose(self._connection, grant, "read", [])
        await tell()
        return []
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
        await disclose(self._connection, grant, "read", [])
""",
    "defined inside and never called": """
    async def bad(self, grant: Grant) -> list[Read]:
        async def tell():
            await disclose(self._connection, grant, "read", [])
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
    "calls itself": """
    async def bad(self, grant: Grant) -> Read:
        return await self.bad(grant)
""",
}


def planted(text):
    parsed = ast.parse(text)
    return Stores({"store": parsed}, record_types([parsed]))


def test_a_method_that_gives_out_a_person_is_found():
    parsed = ast.parse(
        "class Account:\n    username: str\n"
        "class Session:\n    account: Account\n"
        "class Numbers:\n    async def next(self) -> int: ...\n"
        "class Sessions:\n    async def all(self) -> list[Session]: ...\n"
    )
    assert personal_types([parsed]) == {"Account", "Session"}
    stores = Stores({"store": parsed}, personal_types([parsed]))
    [bad] = [str(m) for m in stores.giving_out() if not stores.discloses(m)]
    assert bad == "store:Sessions.all"


def test_methods_that_disclose_are_known_by_what_they_call():
    stores = planted(TRUE)
    given = {str(method) for method in stores.giving_out()}
    assert given == {
        "store:Reads.get", "store:Reads.page", "store:Others.page", "store:Others.nested",
    }  # fmt: skip
    assert all(stores.discloses(method) for method in stores.giving_out())


@pytest.mark.parametrize("violation", PLANTED)
def test_a_method_that_gives_out_and_does_not_disclose_is_found(violation):
    stores = planted(TRUE + PLANTED[violation])
    [bad] = [m for m in stores.giving_out() if not stores.discloses(m)]
    assert bad.name == "bad"


WITHOUT_GRANT = {
    "nothing": "async def bad(self) -> Read:",
    "an id in its place": "async def bad(self, grant: UUID) -> Read:",
    "no annotation": "async def bad(self, grant) -> Read:",
    "its name in a default": "async def bad(self, made_by: str = 'Grant') -> Read:",
}


@pytest.mark.parametrize("violation", WITHOUT_GRANT)
def test_a_method_that_gives_out_without_a_grant_is_found(violation):
    body = "        await disclose(self._connection, None, 'read', [])\n"
    stores = planted(f"{TRUE}\n    {WITHOUT_GRANT[violation]}\n{body}")
    [bad] = [m for m in stores.giving_out() if not needs_grant(stores, m)]
    assert bad.name == "bad"
    assert stores.discloses(bad)
