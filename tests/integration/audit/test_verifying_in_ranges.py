"""A log verified in ranges, by one process or by several, has the faults that it has as a whole."""

import os

import pytest

from services.audit.actions import range_check, ranges
from services.audit.actions.verify import verify_stored
from services.audit.domain import recount
from shared.core.merkle import Span
from tests.integration.audit.conftest import a_disclosure, an_attempt

SIZE = 7
"""The entries of a range here."""

FAULTS = {
    "nothing": "UPDATE entries SET seq = seq WHERE seq = 0",
    "a text": "UPDATE entries SET entry = entry || ' ' WHERE seq = 7",
    "a leaf hash": "UPDATE entries SET leaf_hash = sha256('other') WHERE seq = 14",
    "a chain hash": "UPDATE entries SET entry_hash = sha256('other') WHERE seq = 20",
    "a search field": "UPDATE entries SET case_number = 'other' WHERE seq = 21",
    "a value": "UPDATE sealed_values SET disclosure = 'W10' WHERE seq = 27",
    "an entry": "DELETE FROM entries WHERE seq = 34",
    "the first entry of a range": "DELETE FROM entries WHERE seq = 42",
    "a whole range and more": "DELETE FROM entries WHERE seq BETWEEN 48 AND 57",
    "the last entry": "DELETE FROM entries WHERE seq = 79",
}


@pytest.fixture
async def logged(deliver, clock, writer):
    """A log of 80 entries and a few checkpoints, one of them within a range."""
    for count in (10, 4, 26):
        attempts = [an_attempt(clock) for _ in range(count)]
        await deliver(*[e for one in attempts for e in (one, a_disclosure(clock, one))])
        clock.advance(minutes=1)
        await writer.sign_if_grown()


@pytest.fixture
def verified(runtime, monkeypatch):
    async def verify(size, *, shared=False):
        monkeypatch.setattr(ranges, "ENTRIES", size)
        settings = runtime.settings
        async with runtime.db.begin() as connection:
            return await verify_stored(
                connection,
                settings.log_origin,
                [settings.signers[0].verifier],
                cadence=settings.cadence,
                now=runtime.clock.now(),
                link=settings.database_link() if shared else None,
            )

    return verify


@pytest.mark.clause("468.6/unalterable")
async def test_verification_in_ranges_finds_the_faults_of_the_whole_log(
    logged, verified, tamper, monkeypatch
):
    for what, statement in FAULTS.items():
        await tamper(statement.split()[2 if "FROM" in statement else 1], statement)
        whole = await verified(1000)
        assert whole.ok == (what == "nothing"), what
        assert await verified(SIZE) == whole, what
    assert await verified(1) == whole
    for module in (range_check, recount):
        monkeypatch.setattr(module, "MAX_FAULTS", 2)
    listed = await verified(1000)
    assert len(listed.faults) < len(whole.faults)
    assert listed.fault_count == whole.fault_count, "those that are not listed count, too"


@pytest.mark.clause("468.6/unalterable")
async def test_processes_share_the_work(logged, verified, tamper, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    whole = await verified(1000)
    assert whole.ok
    assert await verified(SIZE, shared=True) == whole
    await tamper("entries", FAULTS["the first entry of a range"])
    await tamper("entries", FAULTS["a chain hash"])
    whole = await verified(1000)
    assert whole.first_bad == 20
    assert await verified(SIZE, shared=True) == whole


@pytest.mark.clause("468.6/unalterable")
async def test_processes_read_the_snapshot_of_the_verification(
    logged, runtime, deliver, clock, monkeypatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(ranges, "ENTRIES", SIZE)
    async with runtime.db.begin() as connection:
        await ranges.Log(connection).snapshot()
        size = await ranges.Log(connection).size()
        await deliver(an_attempt(clock))
        link = runtime.settings.database_link()
        async with ranges.checked_ranges(connection, size + 1, link) as checked:
            assert sum([one.size async for one in checked]) == size == 80
        assert (await ranges.check_range(connection, Span(0, 1000))).size == size
