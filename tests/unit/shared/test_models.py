"""The building blocks of requests and answers: pages, cursors, reasons, ORIs, bodies, people."""

from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.core.errors import InvalidInput
from shared.events import Actor
from shared.http.models import (
    Instant,
    OriText,
    Page,
    PersonOut,
    Reason,
    RequestBody,
    ShortText,
    cursor_of,
    key_of,
)

KEYS = [
    (UUID(int=7), UUID),
    (4711, int),
    ("Main St, ◉ 3rd", str),
    (("Main St", 2**62 - 1), tuple[str, int]),
]


@pytest.mark.parametrize(("key", "kind"), KEYS)
def test_the_next_cursor_of_a_page_is_accepted_as_after(key, kind):
    page = Page[int].of([1, 2], last=key)
    assert page.next.isascii()
    assert str(key) not in page.next
    assert key_of(page.next, kind) == key
    assert key_of(None, kind) is None
    assert Page[int].of([]).next is None


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        ("", UUID),
        ("charlie", str),
        ("%00", str),
        ("é", str),
        (cursor_of("a\x00b"), str),
        (cursor_of(7), UUID),
        (cursor_of(-1), int),
        (cursor_of(2**62), int),
        (cursor_of(UUID(int=7)), int),
        (cursor_of("2026-06-01T12:00:00"), Instant),
        (cursor_of(["a\x00b", 7]), tuple[str, int]),
        (cursor_of(["a", -1]), tuple[str, int]),
        (cursor_of(["a", 2**62]), tuple[str, int]),
    ],
)
def test_an_invalid_cursor_is_refused_with_its_field(after, kind):
    with pytest.raises(InvalidInput) as refused:
        key_of(after, kind)
    assert refused.value.field == "after"


@pytest.mark.parametrize(
    "text", ["no", "  a  ", "x" * 2001, "a\x00bc", "a\x07bc", "a\x7fbc", "a\ud800bc"]
)
def test_a_reason_too_short_too_long_or_with_control_characters_is_refused(text):
    with pytest.raises(ValidationError):
        TypeAdapter(Reason).validate_python(text)


def test_a_reason_may_have_lines():
    assert TypeAdapter(Reason).validate_python(" first\nsecond ") == "first\nsecond"


def test_a_short_text_is_one_that_can_be_stored_without_blanks_around_it():
    short = TypeAdapter(ShortText)
    assert short.validate_python(" Main St ") == "Main St"
    for text in ("  ", "x" * 201, "Main\x00St"):
        with pytest.raises(ValidationError):
            short.validate_python(text)


def test_an_ori_is_normalised_or_refused():
    ori = TypeAdapter(OriText)
    assert ori.validate_python("ca0520100") == "CA0520100"
    for text in ("CA052010", "CA05201000", "0A0520100", "CA05201 0", "ßA052010", "CA0520100\n"):
        with pytest.raises(ValidationError, match="two letters and seven"):
            ori.validate_python(text)


def test_a_request_body_refuses_unknown_fields():
    class Body(RequestBody):
        reason: Reason

    with pytest.raises(ValidationError, match="colour"):
        Body(reason="because", colour="red")


def test_a_person_is_returned_with_the_fields_of_the_log():
    actor = Actor(person_id="p", name="N", title="T", agency_ori="CA0520100")
    assert PersonOut.of(actor).model_dump() == {
        "person_id": "p",
        "name": "N",
        "title": "T",
        "agency_ori": "CA0520100",
    }
    assert PersonOut.of(None) is None
