"""The translation of makers' documents: what a device says is kept, what it does not know is left out."""

import base64
import json
import math
import re
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

HOME = "US-CA"


def translated(maker, document, *pictures):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return MAKERS[maker].translate([*pictures, FormField("document", data)], HOME)


def read_of(maker, **changes):
    """Return the fields of the read of a maker's example with other values at its top; None removes one."""
    document = {**MAKERS[maker].example, **changes}
    [read] = translated(maker, {k: v for k, v in document.items() if v is not None}).reads
    return read.fields


def result(**changes):
    """Return the fields of the read of one result of Plate Recognizer."""
    example = json.loads(json.dumps(MAKERS["plate-recognizer"].example))
    example["data"]["results"][0] |= changes
    [read] = translated("plate-recognizer", example).reads
    return read.fields


def event(*changes):
    """Return Hikvision's example with some text replaced."""
    document = MAKERS["hikvision"].example
    for old, new in changes:
        assert document.count(old) == 1
        document = document.replace(old, new)
    return document.encode()


def anpr(*changes):
    """Return the fields of the read of Hikvision's example with some text replaced."""
    [read] = translated("hikvision", event(*changes)).reads
    return read.fields


# Hikvision


def test_of_two_plates_the_one_as_read_counts():
    assert anpr(("<originalLicensePlate>7ABC", "<originalLicensePlate>7A8C"))["plate"] == "7A8C123"
    assert anpr(("<originalLicensePlate>7ABC123", "<originalLicensePlate>"))["plate"] == "7ABC123"


@pytest.mark.parametrize(
    "believed",
    [
        "99,94",
        "99,94,97,96,99,98,x",
        "99,94,97,96,99,98,101",
        "99,94,97,96,99,98," + "9" * 5000,
        "",
    ],
)
def test_probabilities_that_fit_no_characters_are_left_out(believed):
    assert "characters" not in anpr(("99,94,97,96,99,98,97", believed))


def test_each_character_has_the_probability_that_the_camera_gave_it():
    fields = anpr(("99,94,97,96,99,98,97", " 100,0,7 ,96,99,98,097 "))
    assert fields["characters"] == [
        {"text": one, "confidence": sure}
        for one, sure in zip("7ABC123", (1, 0, 0.07, 0.96, 0.99, 0.98, 0.97), strict=True)
    ]
    assert "characters" not in anpr(("99,94,97,96,99,98,97", "0099,94,97,96,99,98,97"))
    assert "characters" not in anpr(("99,94,97,96,99,98,97", "99,94,97,96,99,98,97,96"))


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (("forward", "Reverse"), "direction", "receding"),
        (("forward", "unknown"), "direction", None),
        (("forward", "forward"), "direction", "approaching"),
        (("<line>1<", "<line>0<"), "lane", 0),
        (("<line>1<", "<line>x<"), "lane", None),
        (("<line>1<", "<line><"), "lane", None),
        (("<line>1<", f"<line>{'9' * 5000}<"), "lane", None),
        (("<speed>48<", "<speed>1<"), "speed_kmh", 1),
        (("<speed>48<", "<speed>fast<"), "speed_kmh", None),
        (("<speed>48<", "<speed>1e2<"), "speed_kmh", None),
        (("<speed>48<", "<speed>0048<"), "speed_kmh", None),
        (("<speed>48<", "<speed><"), "speed_kmh", None),
        (("<color>white<", "<color>white<"), "vehicle_colour", "white"),
        (("<line>1<", "<line>99<"), "lane", 99),
        (("<line>1<", "<line>100<"), "lane", None),
        (("<line>1<", "<line>-1<"), "lane", None),
        (("<speed>48<", "<speed>400<"), "speed_kmh", 400),
        (("<speed>48<", "<speed>401<"), "speed_kmh", None),
        (("<speed>48<", "<speed>0<"), "speed_kmh", None),
        (("<color>white<", "<color>unknown<"), "vehicle_colour", None),
        (("<UUID>8d4f6a1c-0b7e-4a75-9d8e-2f3a7c5b9e10<", "<UUID><"), "source_id", None),
        (("<confidenceLevel>94<", "<confidenceLevel>100<"), "confidence", 1.0),
    ],
)
def test_values_of_a_camera_are_kept_within_their_bounds(change, field, value):
    assert anpr(change).get(field) == value


GPS = (
    "</UUID><DeviceGPSInfo><longitudeType>{}</longitudeType><latitudeType>{}</latitudeType>"
    "<Longitude><degree>122</degree><minute>10</minute><sec>45.12</sec></Longitude>"
    "<Latitude><degree>{}</degree><minute>55</minute><sec>39.72</sec></Latitude></DeviceGPSInfo>"
)


@pytest.mark.parametrize(
    ("east", "north", "degree", "place"),
    [
        ("W", "N", "39", (39.9277, -122.1792)),
        ("E", "S", "39", (-39.9277, 122.1792)),
        ("W", "N", "99", None),
        ("W", "N", "x", None),
    ],
)
def test_a_position_in_degrees_minutes_and_seconds_is_one_in_degrees(east, north, degree, place):
    fields = anpr(("</UUID>", GPS.format(east, north, degree)))
    found = (fields["latitude"], fields["longitude"]) if "latitude" in fields else None
    assert found == (place and pytest.approx(place, abs=1e-6))


@pytest.mark.parametrize("lost", ["Longitude", "Latitude"])
def test_half_a_position_is_none(lost):
    half = re.sub(rf"<{lost}>.*?</{lost}>", "", GPS.format("W", "N", "39"))
    assert half != GPS.format("W", "N", "39")
    assert not {"latitude", "longitude"} & anpr(("</UUID>", half)).keys()


def test_a_part_of_an_angle_that_is_empty_or_missing_counts_as_nothing():
    for nothing in ("<sec></sec>", ""):
        gps = GPS.format("W", "N", "39").replace("<sec>39.72</sec>", nothing)
        assert anpr(("</UUID>", gps))["latitude"] == pytest.approx(39 + 55 / 60, abs=1e-9)


def test_a_camera_that_does_not_describe_the_vehicle_has_its_read():
    vehicle = "<vehicleInfo><color>white</color><speed>48</speed></vehicleInfo>"
    fields = anpr((vehicle, ""))
    assert fields["plate"] == "7ABC123"
    assert not {"vehicle_colour", "speed_kmh"} & fields.keys()


@pytest.mark.parametrize("name", ["dateTime", "confidenceLevel"])
def test_a_read_without_what_each_read_needs_is_refused_by_its_name(name):
    document = re.sub(rf"<{name}>.*?</{name}>", "", event().decode()).encode()
    assert document != event()
    with pytest.raises(InvalidInput) as refused:
        translated("hikvision", document)
    assert (refused.value.code, refused.value.field) == ("maker_field_missing", name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("active", "inactive"), PassedOver.SIGN_OF_LIFE),
        (("active", "Inactive"), PassedOver.SIGN_OF_LIFE),
        (("<eventState>active</eventState>", ""), None),
        ((">ANPR<", ">anpr<"), None),
        ((">ANPR<", ">VMD<"), PassedOver.OTHER_EVENT),
        (("<eventType>ANPR</eventType>", ""), PassedOver.OTHER_EVENT),
    ],
)
def test_an_event_says_whether_it_is_about_a_plate(change, reason):
    posted = translated("hikvision", event(change), FormField("detectionPicture.jpg", p.jpeg()))
    assert posted.passed_over is reason
    assert bool(posted.reads) is (reason is None)


def test_an_event_without_anything_read_is_a_capture_at_its_time_or_nothing():
    bare = re.sub("<ANPR>.*</ANPR>", "", event().decode(), flags=re.DOTALL)
    assert translated("hikvision", bare.encode()).passed_over is PassedOver.NO_PLATE
    scene = FormField("detectionPicture.jpg", p.jpeg())
    posted = translated("hikvision", bare.encode(), scene)
    assert (posted.frame, posted.captured_at) == (scene.data, "2026-06-01T11:59:58-07:00")
    assert (posted.reads, posted.place, posted.passed_over) == ((), {}, None)
    timeless = re.sub("<dateTime>.*</dateTime>", "", bare).encode()
    assert translated("hikvision", timeless, scene).captured_at is None
    placed = bare.replace("</UUID>", GPS.format("W", "N", "39")).encode()
    assert translated("hikvision", placed, scene).place["longitude"] < -122


def test_an_event_has_256_kilobytes_at_most():
    most = event() + b" " * (256 * 1024 - len(event()))
    assert translated("hikvision", most).reads
    with pytest.raises(Malformed) as refused:
        translated("hikvision", most + b" ")
    assert refused.value.code == "maker_xml_unreadable"


def test_the_picture_of_a_plate_is_no_scene():
    crop = FormField("licensePlatePicture.jpg", p.jpeg(60, 20))
    posted = translated("hikvision", event(), crop)
    assert (posted.frame, posted.reads[0].crop) == (None, crop.data)
    posted = translated("hikvision", event())
    assert (posted.frame, posted.reads[0].crop) == (None, None)


def test_only_makers_whose_devices_post_forms_are_said_to():
    forms = {name for name, maker in MAKERS.items() if maker.is_form}
    assert forms == {"hikvision", "plate-recognizer"}


def test_the_pictures_of_a_form_are_told_apart_by_their_names():
    crop, small, scene = p.jpeg(60, 20), p.jpeg(64, 48), p.jpeg(640, 480)
    posted = translated(
        "hikvision",
        MAKERS["hikvision"].example.encode(),
        FormField("vehiclePicture.jpg", small),
        FormField("licensePlatePicture.jpg", crop),
        FormField("detectionPicture.jpg", scene),
    )
    assert posted.reads[0].crop == crop
    assert posted.frame == scene


@pytest.mark.parametrize(
    "document", [b"<Event/>", b"<a", b"x", b"<?xml version='1.0' encoding='gb2312'?><a/>"]
)
def test_other_xml_is_no_event(document):
    with pytest.raises(Malformed) as refused:
        translated("hikvision", document)
    assert refused.value.code == "maker_xml_unreadable"


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


@pytest.mark.parametrize(
    ("orientation", "score", "direction"),
    [
        ("Front", 0.5, "approaching"),
        ("Rear", 0.9, "receding"),
        ("Rear", 0.4, None),
        ("Unknown", 1, None),
    ],
)
def test_the_side_that_a_camera_sees_says_where_a_vehicle_goes(orientation, score, direction):
    seen = [{"orientation": orientation, "score": score}, {"orientation": "Side", "score": 0.1}]
    assert result(orientation=seen).get("direction") == direction


def test_a_vehicle_is_described_by_its_likeliest_words():
    models = [
        {"make": "Opel", "model": "Corsa", "score": 0.2},
        {"make": "Ford", "model": "F-150", "score": 0.6},
    ]
    colours = [{"color": "white", "score": 0.3}, {"color": "silver", "score": 0.4}]
    fields = result(model_make=models, color=colours)
    assert (fields["vehicle_make"], fields["vehicle_model"]) == ("Ford", "F-150")
    assert "vehicle_colour" not in fields
    vehicle = {
        "make": [{"name": "ford", "confidence": 50}, {"name": "opel", "confidence": 40}],
        "color": [{"name": "silver", "confidence": 49.9}],
    }
    fields = read_of("rekor", vehicle=vehicle)
    assert fields["vehicle_make"] == "ford"
    assert "vehicle_colour" not in fields


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
    packed = base64.b64encode(picture).decode()
    assert unpacked(packed) == picture
    assert unpacked(f"data:image/jpeg;base64,{packed[:76]}\r\n{packed[76:]}") == picture
    assert unpacked("") is None
    assert unpacked(None) is None
    assert unpacked("no picture!") == b"no picture!"
    assert unpacked("abcd!") == b"abcd!", "what follows whole base64 is not passed over"
    assert unpacked("!" * 100) == b"!" * 64, "it is refused by its beginning"
    assert unpacked("é" * 3) == "ééé".encode()
    assert unpacked("YWJj,ZGVm") == b"YWJj,ZGVm", "without its prefix a comma is no base64"


def test_pictures_of_an_axis_camera_are_told_apart_by_their_type():
    crop, scene = p.jpeg(60, 20), p.jpeg(640, 480)
    images = [
        {"ImageType": "plate", "BinaryImage": base64.b64encode(crop).decode()},
        {"ImageType": "vehicle", "BinaryImage": base64.b64encode(scene).decode()},
    ]
    posted = translated("axis", {**MAKERS["axis"].example, "ImageArray": images})
    assert posted.reads[0].crop == crop
    assert posted.frame == scene
    other = {"ImageType": "Frame", "BinaryImage": base64.b64encode(crop).decode()}
    example = MAKERS["axis"].example
    assert translated("axis", {**example, "ImageArray": [other, *images]}).frame == scene
    assert translated("axis", {**example, "ImageArray": [other]}).frame == crop


def test_a_picture_without_content_is_passed_over_for_one_that_has_some():
    scene = p.jpeg(640, 480)
    images = [
        {"ImageType": "vehicle", "BinaryImage": ""},
        {"ImageType": "full", "BinaryImage": base64.b64encode(scene).decode()},
    ]
    assert translated("axis", {**MAKERS["axis"].example, "ImageArray": images}).frame == scene


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
    picture = base64.b64encode(p.jpeg()).decode()
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


def test_what_blue_iris_found_may_be_a_text():
    found = MAKERS["codeproject"].example["ai_dump"]
    assert read_of("codeproject", ai_dump=json.dumps(found))["plate"] == "7ABC123"
    for nothing in (None, "", [], "[]"):
        posted = translated("codeproject", {"timestamp": 1780315198, "ai_dump": nothing})
        assert posted.passed_over is PassedOver.NO_PLATE
    with pytest.raises(Malformed):
        translated("codeproject", {"timestamp": 1780315198, "ai_dump": "no plates"})


@pytest.mark.parametrize("maker", ["codeproject", "plate-recognizer"])
def test_several_plates_of_a_picture_have_ids_of_their_own(maker):
    document = json.loads(json.dumps(MAKERS[maker].example))
    results = (
        document["data"]["results"]
        if maker == "plate-recognizer"
        else document["ai_dump"][0]["found"]["predictions"]
    )
    results.append(results[0] | {"plate": "8XYZ999"})
    ids = [read.fields["source_id"] for read in translated(maker, document).reads]
    assert len(set(ids)) == 2
    assert [one[-2:] for one in ids] == ["-0", "-1"]


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


def test_the_whole_scene_comes_before_a_cut_of_the_vehicle():
    scene, cut = p.jpeg(640, 480), p.jpeg(64, 48)
    example = MAKERS["rekor"].example
    both = {
        "overview_jpeg": base64.b64encode(scene).decode(),
        "vehicle_crop_jpeg": base64.b64encode(cut).decode(),
    }
    assert translated("rekor", {**example, **both}).frame == scene
    del both["overview_jpeg"]
    assert translated("rekor", {**example, **both}).frame == cut


@pytest.mark.clause("468.5/makers")
def test_cars_of_two_axis_cameras_behind_one_credential_are_told_apart():
    other = {"SerialNumber": "ACCC8E000001"}
    assert read_of("axis")["source_id"] == "ACCC8E000000-481"
    assert read_of("axis", camera_info=other)["source_id"] == "ACCC8E000001-481"
    assert "source_id" not in read_of("axis", carID="")
