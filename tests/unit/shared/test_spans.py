"""Spans of batches and events: what is sampled in them, and that nothing after them is."""

from uuid import uuid4

import pytest

from shared.core.spans import (
    Kind,
    batch_span,
    begin_request,
    event_span,
    is_traced,
    traces_of_events,
)
from shared.core.trace import current_traceparent, is_sampled, set_traceparent, valid_traceparent

pytestmark = pytest.mark.clause("wall/traces")

TRACE = "00-" + 32 * "a" + "-" + 16 * "b"
SAMPLED, NOT_SAMPLED = f"{TRACE}-01", f"{TRACE}-00"


class Made:
    """A tracer and its spans: records the parents that they have."""

    traceparent = "00-" + 32 * "c" + "-" + 16 * "d" + "-01"

    def __init__(self, *, samples=True):
        self.parents = []
        self._samples = samples

    def samples(self):
        return self._samples

    def begin(self, name, kind, *, parent, **of):
        self.parents.append(parent)
        return self

    def end(self, **of):
        """End."""


def batch(tracer, *traceparents):
    return batch_span(tracer, "batch", Kind.CONSUMER, traceparents, {})


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)]
)
def test_one_bit_of_the_flags_says_whether_a_trace_is_recorded(flags, sampled):
    assert is_sampled(f"{TRACE}-{flags}") is sampled


@pytest.mark.parametrize(
    "text",
    [
        f"ff{SAMPLED[2:]}",
        f"00-{32 * '0'}-{16 * 'b'}-01",
        f"00-{32 * 'a'}-{16 * '0'}-01",
        SAMPLED + "\n",
        SAMPLED.upper(),
        "",
    ],
)
def test_a_traceparent_that_w3c_forbids_is_none(text):
    assert valid_traceparent(text) is None
    assert valid_traceparent(SAMPLED) == SAMPLED


def test_a_batch_is_traced_while_it_lasts_and_what_follows_is_not():
    set_traceparent(NOT_SAMPLED)
    tracer = Made()
    with batch(tracer, NOT_SAMPLED):
        assert not is_traced()
    with batch(tracer, NOT_SAMPLED, SAMPLED):
        assert is_traced()
        assert current_traceparent() == Made.traceparent
    assert not is_traced()
    assert current_traceparent() == NOT_SAMPLED
    assert tracer.parents == [SAMPLED]


def test_an_event_is_in_its_own_trace_as_long_as_its_batch_lasts():
    tracer, traced, untraced = Made(), uuid4(), uuid4()
    with batch(tracer, SAMPLED):
        with traces_of_events({traced: SAMPLED, untraced: NOT_SAMPLED}):
            with event_span(traced, "event"):
                assert is_traced()
            with event_span(untraced, "event"):
                assert not is_traced()
        with event_span(traced, "event"):
            assert tracer.parents[-1] == Made.traceparent, "the batch's: its own trace is unknown"


def test_a_request_that_is_not_sampled_is_not_traced_by_the_one_before():
    assert begin_request(Made(), None) is not None
    assert is_traced()
    assert begin_request(Made(samples=False), None) is None
    assert not is_traced()
    traced = Made()
    begin_request(traced, SAMPLED.encode())
    assert traced.parents == [SAMPLED], "the caller's trace is followed"
    assert begin_request(traced, None, probe=True) is None
    assert not is_traced()
