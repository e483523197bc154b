"""A Kafka disk that fills up raises a finding in time: a full one stops every access record."""

import pytest

from services.audit.workers.scheduler import Scheduler
from shared.kafka.disks import Disk


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_a_disk_of_kafka_that_is_half_full_raises_a_finding_once_a_day(
    app, runtime, writer, clock, query, monkeypatch
):
    scheduler = Scheduler(runtime, runtime.settings, writer)
    full = [Disk(1, 0.49)]

    async def seen(_):
        return full

    monkeypatch.setattr(runtime, "live", True)
    monkeypatch.setattr("services.audit.workers.scheduler.disks", seen)
    await scheduler.check_disks()
    assert await query("SELECT count(*) FROM findings") == [(0,)]
    full[:] = [Disk(1, 0.5), Disk(2, 0.1)]
    await scheduler.check_disks()
    await scheduler.check_disks()
    [row] = await query("SELECT kind, subject, details FROM findings")
    assert (row.kind, row.subject) == ("kafka_disk", "broker 1")
    assert (row.details["used_percent"], row.details["limit_percent"]) == (50, 50)
    clock.advance(days=1)
    await scheduler.check_disks()
    assert await query("SELECT count(*) FROM findings") == [(2,)]
