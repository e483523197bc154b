"""Metrics of what waits in audit: findings that are not closed, and entries without a checkpoint."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.audit.domain.findings import a_finding
from services.audit.store.findings import Findings
from services.audit.workers.gauges import Gauges
from shared.events import PolicyLoaded
from tests.integration.audit.messages import message_of


@pytest.fixture
def find(runtime):
    async def raised(kind, at):
        finding = a_finding(kind, "a subject", at, at)
        async with runtime.db.begin() as connection:
            await Findings(connection, "audit").raise_once(finding)
        return finding

    return raised


def a_policy(clock, digest):
    return PolicyLoaded(
        occurred_at=clock.now(), service="retention", digest=digest, version="2026-06"
    )


def of_kind(metric, kind):
    return REGISTRY.get_sample_value(metric, {"kind": kind})


async def test_open_findings_are_counted_by_kind_with_the_oldest_until_they_are_closed(
    app, runtime, find, clock
):
    gauges, first = Gauges(runtime), clock.now()
    await find("device_silence", first)
    await find("device_silence", first + timedelta(hours=1))
    other = await find("log_gap", first + timedelta(hours=2))
    await gauges.show()
    assert of_kind("alpr_findings_open", "device_silence") == 2
    oldest = of_kind("alpr_findings_oldest_timestamp_seconds", "device_silence")
    assert oldest == first.timestamp()
    assert of_kind("alpr_findings_open", "log_gap") == 1
    async with runtime.db.begin() as connection:
        await connection.execute(
            text("UPDATE findings SET status = 'closed' WHERE finding_id = :id"),
            {"id": other.finding_id},
        )
    await gauges.show()
    assert of_kind("alpr_findings_open", "log_gap") is None
    assert of_kind("alpr_findings_oldest_timestamp_seconds", "log_gap") is None


async def test_entries_without_a_checkpoint_and_its_age_are_metrics(app, runtime, writer, clock):
    gauges = Gauges(runtime)
    events = [a_policy(clock, digest) for digest in "abc"]
    await writer.append([message_of(event) for event in events])
    await gauges.show()
    unsigned = REGISTRY.get_sample_value("alpr_log_unsigned_entries")
    assert unsigned >= 3
    assert await writer.sign_if_grown()
    await gauges.show()
    assert REGISTRY.get_sample_value("alpr_log_unsigned_entries") == 0
    assert REGISTRY.get_sample_value("alpr_checkpoint_timestamp_seconds") == clock.now().timestamp()
