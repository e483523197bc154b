"""Indexes answer the questions of people and rules, however long the log is."""

import pytest
from sqlalchemy import text

from services.audit.store import keys, periods, search, stream, values

ENTRIES = 10_000

FILL = text(
    """
    INSERT INTO entries SELECT n, gen_random_uuid(), convert_to('{"data":{}}', 'UTF8'), '\\x00', '\\x00', at,
        CASE WHEN n % 4000 = 0 THEN 'records.purged' WHEN n % 4000 = 1 THEN 'purge.changed'
            WHEN n % 4000 = 2 THEN 'values.exported' WHEN n % 4000 = 3 THEN 'period.fixed'
            WHEN n % 4000 = 4 THEN 'signing_key.changed'
            WHEN n % 2 = 0 THEN 'access.attempted' ELSE 'records.disclosed' END,
        at, 'retention', 'p-' || n % 400, 'Officer ' || n % 400, 'record:search', n % 100 <> 7, 'audit',
        'case-' || n % 5000, CASE WHEN n % 2 = 0 THEN ARRAY['7ABC' || n % 1000] ELSE '{}' END,
        'request-' || n / 2, CAST(md5(CAST(n / 2 AS text)) AS uuid), '192.0.2.' || n % 200
    FROM generate_series(0, :last) AS n, LATERAL (SELECT now() + n * interval '1 minute' AS at) AS t
    """
)


@pytest.fixture
async def filled(runtime, as_owner):
    """Fills a log with so many entries, and updates the planner's statistics."""
    await runtime.start()
    async with as_owner("audit") as connection:
        await connection.execute(FILL, {"last": ENTRIES - 1})
        await connection.execute(text("ANALYZE entries"))
    yield
    await runtime.stop()


@pytest.fixture
def plan(filled, query):
    """How Postgres answers a statement with these values."""

    async def explained(statement, **given):
        return "\n".join(row[0] for row in await query(f"EXPLAIN {statement}", **given))

    return explained


def a_search(*conditions):
    asked = " AND ".join(search._CONDITIONS[name] for name in conditions)
    return search._select(f"WHERE {asked} ORDER BY seq DESC LIMIT :limit", old_log=False).text


@pytest.mark.parametrize(
    ("index", "given"),
    [
        ("entries_by_request", {"request_id": "request-7"}),
        ("entries_person_id_occurred_at_idx", {"person_id": "p-7"}),
        ("entries_lower_occurred_at_idx", {"person_name": "officer 7"}),
        ("entries_case_number_seq_idx", {"case_number": "case-7"}),
        ("entries_by_kind", {"kind": "values.exported"}),
    ],
)
async def test_what_auditors_search_by_is_found_by_an_index(plan, index, given):
    found = await plan(a_search(*given), limit=100, **given)
    assert index in found
    assert "Seq Scan on entries" not in found


async def test_a_search_by_time_goes_by_the_time(plan, query):
    since, until = [
        row.occurred_at
        for row in await query(
            "SELECT occurred_at FROM entries WHERE seq IN (2500, 2700) ORDER BY seq"
        )
    ]
    asked = a_search("occurred_from", "occurred_to")
    found = await plan(asked, occurred_from=since, occurred_to=until, limit=100)
    assert "entries_occurred_at_idx" in found


async def test_a_search_by_plate_looks_through_no_table(plan):
    found = await plan(a_search("plate"), plate="7ABC7", limit=100)
    assert "entries_by_kind" in found
    assert "Seq Scan on entries x" not in found


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
