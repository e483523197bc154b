"""The dead-man switch outside gets a post each minute only while the log is appended and signed in time."""

import pytest

from services.audit.settings import Settings
from services.audit.workers.coverage import CoverageReport
from services.audit.workers.heartbeat import EVERY_S, Heartbeat
from services.audit.workers.scheduler import Scheduler
from shared.core.errors import DependencyDown
from tests.integration.audit.conftest import an_attempt
from tests.integration.receivers import receiving

pytestmark = [pytest.mark.enable_socket, pytest.mark.clause("468.3.1(c)/heartbeat")]

PLACE = ("alpr.hit.raised", 0)


@pytest.fixture
async def switch():
    async with receiving() as switch:
        yield switch


@pytest.fixture
def coverage(app, runtime):
    """A report of a log that had all events at the present time of the clock."""
    report = CoverageReport(runtime)
    report.note(runtime.clock.now(), {PLACE: 5}, {PLACE: 5})
    return report


@pytest.fixture
def beating(runtime, switch):
    return Settings(
        **{**runtime.settings.model_dump(exclude_unset=True), "audit_heartbeat_url": switch.url}
    )


@pytest.fixture
def heartbeat(runtime, beating, coverage):
    return Heartbeat(runtime, beating, coverage)


async def test_a_log_that_works_resets_the_switch(heartbeat, switch):
    await heartbeat.beat()
    await heartbeat.beat()
    assert len(switch.got) == 2
    assert not any(posted.body for posted in switch.got)


async def test_a_log_that_is_not_appended_stops_the_heartbeat(heartbeat, coverage, switch, clock):
    clock.advance(seconds=60)
    coverage.note(clock.now(), {PLACE: 6}, {PLACE: 5})
    await heartbeat.beat()
    clock.advance(seconds=1)
    with pytest.raises(DependencyDown, match="the log is 61 s behind"):
        await heartbeat.beat()
    assert len(switch.got) == 1
    coverage.note(clock.now(), {PLACE: 6}, {PLACE: 6})
    await heartbeat.beat()
    assert len(switch.got) == 2


async def test_a_process_that_does_not_know_the_logs_end_sends_no_heartbeat(
    app, runtime, beating, switch
):
    with pytest.raises(DependencyDown, match="not known"):
        await Heartbeat(runtime, beating, CoverageReport(runtime)).beat()
    assert switch.got == []


async def test_a_log_that_is_not_signed_stops_the_heartbeat(
    heartbeat, coverage, switch, clock, deliver, writer, runtime
):
    await writer.sign_if_grown()
    clock.advance(days=1)  # without an entry nothing has to be signed
    coverage.note(clock.now(), {PLACE: 5}, {PLACE: 5})
    await heartbeat.beat()
    await deliver(an_attempt(clock))
    clock.advance(seconds=runtime.settings.audit_checkpoint_s + 60)
    coverage.note(clock.now(), {PLACE: 6}, {PLACE: 6})
    await heartbeat.beat()
    clock.advance(seconds=1)
    with pytest.raises(DependencyDown, match="entries wait for a checkpoint since"):
        await heartbeat.beat()
    assert len(switch.got) == 2
    assert await writer.sign_if_grown()
    await heartbeat.beat()
    assert len(switch.got) == 3


async def test_a_switch_that_does_not_accept_the_post_is_a_fault(heartbeat, switch):
    for status in (302, 404):
        switch.status = status
        with pytest.raises(DependencyDown, match=f"AUDIT_HEARTBEAT_URL answers {status}"):
            await heartbeat.beat()
    switch.status = 0
    with pytest.raises(DependencyDown, match="AUDIT_HEARTBEAT_URL does not answer"):
        await heartbeat.beat()


def test_the_heartbeat_is_a_task_of_each_minute_where_a_switch_is_set(
    app, runtime, beating, writer
):
    tasks = {task.name: task for task in Scheduler(runtime, beating, writer).tasks}
    assert tasks["heartbeat"]._every_s == EVERY_S == 60
    unset = Scheduler(runtime, runtime.settings, writer).tasks
    assert "heartbeat" not in {task.name for task in unset}
