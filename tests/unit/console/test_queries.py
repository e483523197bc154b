"""Forms become the bodies that the services expect; invalid text passes through."""

from datetime import UTC, datetime

import pytest

from services.console.domain.checkpoints import Checkpoint
from services.console.domain.form_values import moment_of, number, whole
from services.console.domain.queries import (
    chosen,
    decision_of,
    hold_criteria_of,
    hotlist_entry_of,
    log_search_of,
    page_query,
    record_search_of,
    required,
    retry_key,
)

CIRCLE = {"latitude": "39.9", "longitude": "-122.1", "radius_m": "far"}
AREA = {"latitude": 39.9, "longitude": -122.1, "radius_m": "far"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("-2", -2.0),
        ("far", "far"),
        ("nan", "nan"),
        ("-inf", "-inf"),
        ("1e999", "1e999"),
    ],
)
def test_a_number_is_read_and_other_text_passes_through(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("12", 12), ("1.5", "1.5"), ("", ""), ("9" * 20, "9" * 20)]
)
def test_a_whole_number_is_read_and_other_text_passes_through(text, value):
    assert whole(text) == value


def test_a_time_is_utc_and_an_empty_one_stays_empty():
    assert moment_of("2026-06-01T12:00") == "2026-06-01T12:00Z"
    assert moment_of("") == ""


def test_chosen_fields_are_left_out_and_required_ones_are_empty():
    assert chosen({"plate": "7ABC128"}, "plate", "note") == {"plate": "7ABC128"}
    assert required({"plate": "7ABC128"}, "plate", "note") == {"plate": "7ABC128", "note": ""}


def test_a_listing_has_only_the_filters_that_are_set():
    assert page_query(50) == {"limit": 50}
    assert page_query(50, "c", status="", in_force=False) == {
        "limit": 50,
        "after": "c",
        "in_force": False,
    }
    assert page_query(50, in_force=None) == {"limit": 50}


def test_a_search_of_the_log_has_the_chosen_fields_and_times():
    form = {"plate": "7ABC128", "occurred_from": "2026-06-01T00:00", "captured_to": "x"}
    assert log_search_of(form) == {
        "plate": "7ABC128",
        "occurred_from": "2026-06-01T00:00Z",
        "limit": 50,
    }


def test_a_search_of_records_always_names_its_window():
    assert record_search_of({"region": "us-ca", "lookalike": "yes", **CIRCLE}) == {
        "captured_from": "",
        "captured_to": "",
        "limit": 50,
        "lookalike": True,
        "region": "US-CA",
        "area": AREA,
    }


def test_criteria_of_a_hold_contain_only_the_chosen_conditions():
    assert hold_criteria_of({}) == {}
    form = {"read_id": "r", "plate": "7ABC128", "lookalike": "yes", "captured_to": "t", **CIRCLE}
    assert hold_criteria_of(form) == {
        "read_ids": ["r"],
        "plate": "7ABC128",
        "lookalike": True,
        "captured_to": "tZ",
        "area": AREA,
    }


def test_an_entry_names_its_required_fields_even_when_empty():
    assert hotlist_entry_of({"make": "Toyota", "expires_at": "t", "list": "x"}) == {
        "plate": "",
        "record_kind": "",
        "reason": "",
        "make": "Toyota",
        "expires_at": "tZ",
    }


def test_a_decision_names_the_list_sources_and_the_captures():
    form = {"decision": "approve", "list_state": "yes", "originals": "a, b\nc"}
    assert decision_of(form) == {
        "decision": "approve",
        "reason": "",
        "list_sources": ["state"],
        "originals": ["a", "b", "c"],
    }
    assert decision_of({"reason": "no"}) == {"decision": "", "reason": "no"}


@pytest.mark.parametrize("key", ["", "kéy-26-000417", "key-26\n000417"])
def test_a_key_that_no_header_can_have_is_left_out(key):
    assert retry_key({"key": key}) == retry_key({}) == {}
    assert retry_key({"key": "key-26-000417"}) == {"Idempotency-Key": "key-26-000417"}


def test_a_checkpoint_is_its_first_three_lines():
    at = datetime(2026, 6, 1, tzinfo=UTC)
    assert Checkpoint.parse("log\n12\nroot=\nrest", at) == Checkpoint("log", 12, "root=", at)


@pytest.mark.parametrize("text", ["", "log\n12", "log\nmany\nroot="])
def test_a_text_that_is_no_checkpoint_is_refused(text):
    with pytest.raises(ValueError, match=r"values|literal"):
        Checkpoint.parse(text, None)
