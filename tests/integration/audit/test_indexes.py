"""Indexes answer the questions of people and rules, however long the log is."""

import json
from base64 import urlsafe_b64encode

import pytest
from sqlalchemy import text

from services.audit.api.fields import EntryQuery
from services.audit.store import corrections, keys, periods, search, stream, values
from services.audit.store.log import OLD, Log

ENTRIES = 30_000

FILL = text(
    """
    INSERT INTO entries SELECT n, gen_random_uuid(), convert_to('{"data":{"about":"' || repeat(md5(CAST(n AS text)), 8) || '"}}', 'UTF8'), '\\x00', '\\x00', at,
        CASE WHEN n = 77 THEN 'log.closed' WHEN n % 4000 = 0 THEN 'records.purged' WHEN n % 4000 = 1 THEN 'purge.changed'
            WHEN n % 4000 = 2 THEN 'values.exported' WHEN n % 4000 = 3 THEN 'period.fixed'
            WHEN n % 4000 = 4 THEN 'signing_key.changed'
            WHEN n % 2 = 0 THEN 'access.attempted' ELSE 'records.disclosed' END,
        at, CASE WHEN n < 300 AND n % 100 = 9 THEN 'release' ELSE 'retention' END, 'p-' || n % 400,
        'Officer ' || n % 400, CASE WHEN n < 300 THEN 'audit:read' ELSE 'record:search' END, n % 100 <> 7,
        CASE WHEN n < 300 THEN 'release' ELSE 'audit' END,
        'case-' || n % 5000, CASE WHEN n % 2 = 0 THEN ARRAY['7ABC' || n % 1000] ELSE '{}' END,
        'request-' || n / 2, CAST(md5(CAST(n / 2 AS text)) AS uuid), '192.0.2.' || n % 200
    FROM generate_series(0, :last) AS n, LATERAL (SELECT TIMESTAMPTZ '2026-06-01Z' + n * interval '1 minute' AS at) AS t
    """
)


@pytest.fixture
async def filled(runtime, as_owner):
    """Fills a log with so many entries, and updates the planner's statistics."""
    await runtime.start()
    async with as_owner("audit") as connection:
        await connection.execute(FILL, {"last": ENTRIES - 1})
        await connection.execute(text("INSERT INTO old_entries SELECT * FROM entries"))
        await connection.execute(text("ANALYZE entries, old_entries"))
    yield
    await runtime.stop()


@pytest.fixture
def plan(filled, query):
    """How Postgres answers a statement with these values."""

    async def explained(statement, **given):
        return "\n".join(row[0] for row in await query(f"EXPLAIN {statement}", **given))

    return explained


def cursor(key):
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


GIVEN = {
    "person_id": ["p-7", "nobody"],
    "person_name": ["officer 7", "nobody"],
    "plate": ["7ABC70", "9ZZZ999"],
    "purpose_kind": ["release", "nothing"],
    "case_number": ["case-7", "nothing"],
    "occurred_from": ["2026-06-20T00:00:00Z", "2030-01-01T00:00:00Z"],
    "occurred_to": ["2026-06-02T00:00:00Z", "2020-01-01T00:00:00Z"],
    "kind": ["values.exported", "log.closed", "nothing"],
    "outcome": ["refused", "allowed"],
    "service": ["release", "nothing"],
    "permission": ["audit:read", "nothing"],
    "request_id": ["request-7", "nothing"],
    "after": [cursor("500"), None],
    "limit": [500],
}
"""Values of each filter: of many entries, of few, of none."""

NO_FILTERS = {"old_log", "exact"}
SEARCHES = [{name: value} for name, given in GIVEN.items() for value in given] + [
    {"occurred_from": "2026-06-02T00:00:00Z", "occurred_to": "2026-06-02T12:00:00Z"},
    {"person_id": "p-7", "occurred_to": "2026-06-08T00:00:00Z"},
    {"kind": "access.attempted", "occurred_to": "2026-06-02T00:00:00Z"},
    {"person_name": "officer 8", "outcome": "refused"},
    {"plate": "7ABC70", "kind": "access.attempted", "occurred_from": "2026-06-02T00:00:00Z"},
    {"kind": "log.closed", "permission": "record:search", "after": cursor("29000")},
]


@pytest.fixture
def pages(filled, runtime):
    """How many pages of 8 kB Postgres reads for a search, from its plan as it ran."""

    async def read(body, asked=None):
        query = EntryQuery(**body).query()
        given = {name: value for name, value in vars(query).items() if value is not None}
        log = OLD if given.pop("old_log") else ""
        given |= asked or {}
        async with runtime.db.begin() as connection:
            if "occurred_from" in given or "occurred_to" in given:
                times = given.get("occurred_from"), given.get("occurred_to")
                given |= (await Log(connection, log).span_of(*times))._asdict()
            statement = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {search.page_of(given, log)}"
            found = (await connection.execute(text(statement), given)).scalar_one()
        [plan] = json.loads(found) if isinstance(found, str) else found
        return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]

    return read


def test_the_test_covers_every_filter_of_the_api():
    assert set(EntryQuery.model_fields) - NO_FILTERS == GIVEN.keys()


@pytest.mark.parametrize("old_log", [False, True], ids=["this log", "the log before"])
async def test_a_search_by_any_filter_reads_a_small_part_of_the_log(pages, query, old_log):
    [(whole,)] = await query("SELECT pg_relation_size('entries') / 8192")
    asked = [{**body, "old_log": old_log} for body in SEARCHES]
    read = {str(body): await pages(body) for body in asked}
    assert {body: count for body, count in read.items() if count > whole / 4} == {}


async def test_a_filter_without_an_index_reads_a_large_part_of_the_log(pages, query, monkeypatch):
    [(whole,)] = await query("SELECT pg_relation_size('entries') / 8192")
    condition = {"client_address": "client_address = :client_address"}
    monkeypatch.setattr(search, "_CONDITIONS", search._CONDITIONS | condition)
    assert await pages({}, {"client_address": "nothing"}) > whole / 4


async def test_a_search_over_the_time_limit_says_what_to_narrow(client, auditor, monkeypatch):
    sleeps = "(SELECT true FROM pg_sleep(1)) AND :person_id <> ''"
    monkeypatch.setitem(search._CONDITIONS, "person_id", sleeps)
    made = search.Entries.__init__
    monkeypatch.setattr(search.Entries, "__init__", lambda self, c: made(self, c, timeout_s=0.05))
    body = {"person_id": "p-7"}
    answer = await client.post("/v1/entries/search", json=body, headers=auditor())
    assert (answer.status_code, answer.json()["code"]) == (422, "log_search_too_slow")
    assert "shorter time" in answer.json()["detail"]


async def test_disclosures_without_an_attempt_are_found_by_the_attempts_id(plan):
    found = await plan(stream._GAPS.text, start=7500, end=7600, disclosed="records.disclosed")
    assert "entries_by_attempt" in found
    assert "Seq Scan on entries" not in found


@pytest.mark.parametrize(
    ("statement", "given"),
    [
        (keys._ROWS.text, {"before": 1 << 62}),
        (values._PENDING.text, {}),
        (periods._FIXED + "AND e.seq < :before ORDER BY e.seq DESC LIMIT 1", {"before": 1 << 62}),
    ],
    ids=["keys", "purges", "periods"],
)
async def test_entries_of_a_kind_that_is_followed_are_found_by_it(plan, statement, given):
    found = await plan(statement, **given)
    assert "entries_by_kind" in found
    assert "Seq Scan on entries" not in found


async def test_corrections_of_a_month_are_found_by_their_kind_and_number(plan):
    given = {"kind": "read.corrected", "people": ["p-7"], "start": 29_000, "end": ENTRIES}
    found = await plan(corrections._CORRECTED.text, **given)
    assert "entries_newest_by_kind" in found
    assert "Seq Scan on entries" not in found
