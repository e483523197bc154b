"""What arrives too late to be live has consumer groups of its own, so that it never stands before live events.

The groups of recognition are in tests/unit/recognition/test_events.py.
"""

from unittest.mock import MagicMock

import pytest

from services.hotlist import events as hotlist
from services.retention import events as retention
from shared.events import (
    BackfillRecognised,
    CaptureBackfilled,
    CaptureReceived,
    ReadsBackfilled,
    ReadsRecognised,
    ReadsRecorded,
)
from shared.kafka.topics import topic_of

LIVE = {CaptureReceived, ReadsRecorded, ReadsRecognised}
BACKFILL = {CaptureBackfilled, ReadsBackfilled, BackfillRecognised}
A_SERVICE = MagicMock()


@pytest.mark.clause("468.5/live-first")
@pytest.mark.parametrize("service", [hotlist, retention], ids=lambda s: s.__name__)
def test_no_group_handles_live_and_late_events_together(service):
    subscriptions = service.subscriptions(A_SERVICE)
    groups = [set(subscription.events) for subscription in subscriptions]
    assert len({subscription.group for subscription in subscriptions}) == len(groups)
    assert sum(bool(group & BACKFILL) for group in groups) >= 1
    assert not any(group & BACKFILL and group - BACKFILL for group in groups)


def test_late_events_are_consumed_by_the_same_services_as_live_ones():
    for live, late in (
        (CaptureReceived, CaptureBackfilled),
        (ReadsRecorded, ReadsBackfilled),
        (ReadsRecognised, BackfillRecognised),
    ):
        assert topic_of(late).consumers == topic_of(live).consumers
        assert topic_of(late).producers == topic_of(live).producers
        assert topic_of(late).partitions == topic_of(live).partitions == 24
