"""The translation of single values, of each maker: what a device does not know is left out."""

import json
import math
import tracemalloc
from typing import Any

import pytest

from services.ingest.actions.makers import MAKERS
from services.ingest.actions.makers.posted import FormField, PassedOver, Posted
from services.ingest.actions.makers.translating import (
    document,
    identity,
    in_json,
    moment,
    others,
    pictures,
    place,
    plate_of,
    share,
    text,
    unpacked,
    unread,
    written,
)
from shared.core.errors import InvalidInput, Malformed, TooLarge
from tests.unit.ingest import pictures as p
from tests.unit.ingest.posts import in_base64, read_of, result, translated

# Documents and the pictures beside them


def test_a_document_has_ten_thousand_objects_at_most():
    """What each object is does not matter; a list of texts stands in for a document."""
    most = json.dumps(["{"] * 10_000).encode()
    assert len(in_json(most, list[str])) == 10_000
    with pytest.raises(TooLarge) as refused:
        in_json(json.dumps(["{"] * 10_001).encode(), list[str])
    assert refused.value.code == "maker_document_too_large"
    assert refused.value.params["max_objects"] == 10_000


def test_a_document_of_another_shape_is_refused_with_its_field():
    with pytest.raises(InvalidInput) as refused:
        translated("genetec", {**MAKERS["genetec"].example, "Plate": 7})
    assert refused.value.field == "Plate"


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"", 1, 1),
        (b"{'a'}", 1, 2),
        (b'{"a": "' + b"x" * 200, 1, 208),
        (b'{"a":\n\n  "' + "é".encode() * 100 + b'", ]}', 3, 107),
        (b'{"a": "\xff"}', 1, 8),
    ],
)
def test_a_document_that_is_no_json_is_refused_with_its_line_and_column(data, line, column):
    with pytest.raises(Malformed) as refused:
        in_json(data, Any)
    assert refused.value.code == "json_invalid"
    assert refused.value.params == {"line": line, "column": column}


def test_a_document_that_is_nested_too_deeply_to_read_is_refused():
    with pytest.raises(Malformed) as refused:
        in_json(b"[" * 100_000, Any)
    assert refused.value.code == "json_nested_too_deep"


def test_a_field_is_a_picture_by_its_content_or_its_name():
    held = [
        FormField("a", p.jpeg()),
        FormField("b", p.png()),
        FormField("c", p.lossy_webp()),
        *[FormField(f"x.{end}", b"broken") for end in ("jpg", "JPEG", "Png", "webp")],
    ]
    none = [FormField("empty.jpg", b""), FormField("e", b""), FormField("x.gif", b"GIF89a")]
    assert pictures([*none, *held]) == held


def test_the_document_of_a_form_is_its_first_field_with_words():
    form = [
        FormField("empty", b""),
        FormField("blank", b" \r\n"),
        FormField("scene", p.jpeg()),
        FormField("plate.png", b"broken"),
        FormField("anpr.xml", b"<a/>"),
        FormField("more", b"<b/>"),
    ]
    assert document(form) == b"<a/>"
    with pytest.raises(Malformed) as refused:
        document(form[:-2])
    assert refused.value.code == "maker_document_missing"


# Regions, directions and vehicles


@pytest.mark.parametrize(
    ("code", "score", "region"),
    [
        ("us-ca", 0.5, "US-CA"),
        ("us-ca", 0.49, None),
        ("de", 0.9, "DE"),
        ("ca-on", 0.9, "CA-ON"),
        ("us", 0.9, None),
        ("xx-yy", 0.9, None),
        ("", 0.9, None),
    ],
)
def test_a_region_counts_if_it_is_likely_and_known(code, score, region):
    assert result(region={"code": code, "score": score}).get("region") == region
    rekor = read_of("rekor", best_region=code, best_region_confidence=100 * score)
    assert rekor.get("region") == region


@pytest.mark.parametrize(
    ("maker", "field", "word", "region"),
    [
        ("genetec", "State", "NV", "US-NV"),
        ("genetec", "State", "Nevada", None),
        ("genetec", "State", None, None),
        ("axis", "plateCountry", "USA", None),
        ("rekor", "best_region", "nv", "US-NV"),
    ],
)
def test_a_state_alone_is_one_of_the_departments_country(maker, field, word, region):
    assert read_of(maker, **{field: word}).get("region") == region


@pytest.mark.clause("468.5/makers")
@pytest.mark.parametrize(
    ("code", "region"), [("CA", None), ("ca", None), ("NV", None), ("DE", "DE"), ("US-CA", "US-CA")]
)
def test_a_countrys_code_is_no_state_with_the_same_letters(code, region):
    assert result(region={"code": code, "score": 0.9}).get("region") == region
    assert read_of("axis", plateCountry=code).get("region") == region


# Times


@pytest.mark.parametrize(
    ("maker", "changes", "time"),
    [
        ("axis", {"capture_timestamp": 1780315198250}, "2026-06-01T11:59:58.250000+00:00"),
        ("codeproject", {"timestamp": 1780315198250}, "2026-06-01T11:59:58.250000+00:00"),
        ("codeproject", {"timestamp": "1780315198"}, "2026-06-01T11:59:58+00:00"),
        ("codeproject", {"timestamp": "2026-06-01 04:59:58-07:00"}, "2026-06-01T04:59:58-07:00"),
        ("genetec", {"DateUtc": "1/6/2026", "TimeUtc": "11:59:58.25Z"}, "2026-06-01T11:59:58.25Z"),
    ],
)
def test_times_of_makers_become_one_form(maker, changes, time):
    assert read_of(maker, **changes)["captured_at"] == time


@pytest.mark.parametrize("value", ["", "soon", "inf", "nan", 1e30, None])
def test_a_time_that_is_no_number_is_refused_by_its_name(value):
    with pytest.raises(InvalidInput) as refused:
        moment(value, "epoch_start", in_ms=True)
    assert (refused.value.code, refused.value.field) == ("maker_number_unreadable", "epoch_start")


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "sure"])
def test_a_probability_that_is_no_number_is_refused_by_its_name(value):
    with pytest.raises(InvalidInput) as refused:
        read_of("axis", plateConfidence=value)
    assert refused.value.code == "maker_number_unreadable"
    assert refused.value.field == "plateConfidence"


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-06-01 12:00:00+00:00", "2026-06-01T12:00:00+00:00"),
        (" 2026-06-01T12:00:00Z ", "2026-06-01T12:00:00Z"),
        ("2026-06-01t12:00:00Z", "2026-06-01t12:00:00Z"),
        ("soon", "soon"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_blank_before_the_hour_is_the_letter_of_the_standard(value, time):
    assert written(value) == time


def test_a_probability_is_a_part_of_what_its_maker_counts_to():
    assert share(94, "a") == share("94", "a") == share(0.94, "a", of=1) == 0.94
    assert share(100 / 3, "a") == 0.333333


# Plates, ids and words


@pytest.mark.parametrize("plate", ["NONE", "NULL", "UNKNOWN", "7abc 123"])
def test_a_plate_that_looks_like_a_word_for_none_is_a_plate(plate):
    assert plate_of(plate) == plate


@pytest.mark.parametrize("said", ["", "  ", "unknown", "noPlate", None, 7])
def test_a_word_for_no_plate_is_none(said):
    assert plate_of(said) is None


def test_an_unreadable_plate_leaves_the_picture_to_our_engine_and_is_refused_without_one():
    document = MAKERS["hikvision"].example.replace("7ABC123", "无车牌").encode()
    posted = translated("hikvision", document, FormField("detectionPicture", p.jpeg()))
    assert not posted.reads
    assert posted.frame is not None
    [read] = translated("hikvision", document).reads  # the rules of reads refuse it, by name
    assert read.fields["plate"] == "无车牌"


def test_other_plates_are_those_a_device_may_mean_the_likeliest_first():
    found = [
        ("7A8C123", 0.4),
        ("7ABC123", 0.9),
        ("7A8C123", 0.6),
        ("7A8C123", 0.5),
        ("", 0.9),
        ("!", 0.9),
        ("X", 1.5),
        ("7" + " " * 40 + "AB", 0.8),
    ]
    found += [(f"7ABC1{n:02}", 0.3 - n / 100) for n in range(12)]
    listed = others(found, "7ABC123")
    assert listed[0] == {"plate": "7A8C123", "confidence": 0.6}
    assert len(listed) == 9
    assert "7ABC123" not in [one["plate"] for one in listed]
    assert [one["confidence"] for one in listed] == sorted(
        (one["confidence"] for one in listed), reverse=True
    )


def test_an_id_is_made_of_what_the_device_said_and_keeps_its_end():
    assert identity("ACCC8E", "7") == "ACCC8E-7"
    assert identity(None, 0) == "0"
    assert identity("", None) is None
    assert identity("x" * 200 + "end") == "x" * 125 + "end"
    assert identity("a\nb") is None
    assert identity("a", " ", "b") == "a-b"
    assert identity(" a ", "b") == "a-b"
    assert identity(" ") is None
    assert identity("x" * 128) == "x" * 128
    assert "source_id" not in read_of("axis", carID=None)


def test_words_are_one_line_and_not_too_long():
    assert text(" a\tb\x00 ") == "a b"
    assert text("y" * 200) == "y" * 128
    assert text(5) is None
    for nothing in ("", " ", "\x00", "Unknown", "none", "NULL", "n/a", "N/A", " - "):
        assert text(nothing) is None


# Pictures


def test_a_picture_in_base64_may_have_a_prefix_and_lines():
    picture = p.jpeg()
    packed = in_base64(picture)
    assert unpacked(packed) == picture
    assert unpacked(f"data:image/jpeg;base64,{packed[:76]}\r\n{packed[76:]}") == picture
    assert unpacked("") is None
    assert unpacked(None) is None
    assert unpacked("no picture!") == b"no picture!"
    assert unpacked("abcd!") == b"abcd!", "what follows whole base64 is not passed over"
    assert unpacked("!" * 100) == b"!" * 64, "it is refused by its beginning"
    assert unpacked("é" * 3) == "ééé".encode()
    assert unpacked("YWJj,ZGVm") == b"YWJj,ZGVm", "without its prefix a comma is no base64"


@pytest.mark.parametrize("translate", [unpacked, text], ids=["a picture", "a word"])
@pytest.mark.parametrize("said", ["ab ", "abc", "\x00"], ids=["blanks", "letters", "unprintable"])
def test_a_long_text_takes_no_more_than_a_few_times_its_own_memory(translate, said):
    value = said * 300_000
    tracemalloc.start()
    try:
        translate(value)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * len(value)


def test_a_text_that_is_too_long_for_a_plate_leaves_the_picture_to_our_engine():
    picture = in_base64(p.jpeg())
    document = {**MAKERS["genetec"].example, "Plate": "7" + "-" * 32, "ContextImage": picture}
    posted = translated("genetec", document)
    assert (posted.reads, posted.frame) == ((), p.jpeg())
    posted = translated("genetec", document | {"Plate": "7" + "-" * 31})
    assert posted.reads[0].fields["plate"] == "7" + "-" * 31


def test_a_post_without_a_plate_is_a_capture_where_and_when_its_device_said():
    assert unread("7ABC123", b"frame", "then") is None
    assert unread("7ABC123", None, "then") is None
    assert unread("!", None, "then") is None, "it is refused as a read, by name"
    nothing = unread(None, None, "then")
    assert nothing == Posted(passed_over=PassedOver.NO_PLATE)
    for plate in (None, "!"):
        assert unread(plate, b"frame", "then") == Posted(frame=b"frame", captured_at="then")
    where = {"latitude": 1.0, "longitude": 2.0}
    assert unread(None, b"frame", None, where) == Posted(frame=b"frame", place=where)


def test_others_have_probabilities_and_an_order_of_their_own():
    found = [("B1", 0.5), ("A1", 0.5), ("C1", 1.0), ("D1", 0.0), ("E1", 1.1), ("F1", -0.1)]
    listed = [(one["plate"], one["confidence"]) for one in others(found, "7ABC123")]
    assert listed == [("C1", 1.0), ("A1", 0.5), ("B1", 0.5), ("D1", 0.0)]
    assert others([], "7ABC123") == []
    assert len(others([(f"A{n}", 0.5) for n in range(9)], "A9")) == 9


@pytest.mark.parametrize(
    ("latitude", "longitude", "found"),
    [
        (0, 0, {}),
        (-1, -1, {}),
        (-1, 0, {"latitude": -1, "longitude": 0}),
        ("39.9", "-122.1", {"latitude": 39.9, "longitude": -122.1}),
        (90, 180, {"latitude": 90, "longitude": 180}),
        (-90, -180, {"latitude": -90, "longitude": -180}),
        (90.1, 0.5, {}),
        (-90.1, 0.5, {}),
        (0.5, -180.1, {}),
        (0.5, 180.1, {}),
        ("north", 0.5, {}),
        (math.nan, 0.5, {}),
        (None, 1, {}),
    ],
)
def test_a_position_that_stands_for_no_fix_is_left_out(latitude, longitude, found):
    assert place(latitude, longitude) == found
