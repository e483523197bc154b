"""Hikvision's ANPR events: what a camera says is kept within its bounds, and what it lacks is named."""

import re

import pytest

from services.ingest.actions.makers import MAKERS
from services.ingest.actions.makers.posted import FormField, PassedOver
from shared.core.errors import InvalidInput, Malformed
from tests.unit.ingest import pictures as p
from tests.unit.ingest.posts import anpr, event, translated


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
        (("<color>white<", "<color>white<"), "model", "hikvision"),
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
    assert refused.value.params["name"] == name


@pytest.mark.parametrize("sure", ["high", "nan", "9,4"])
def test_a_probability_of_a_camera_that_is_no_number_is_refused_by_its_name(sure):
    with pytest.raises(InvalidInput) as refused:
        anpr(("<confidenceLevel>94<", f"<confidenceLevel>{sure}<"))
    assert (refused.value.code, refused.value.field) == (
        "maker_number_unreadable",
        "confidenceLevel",
    )


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


def test_of_two_pictures_of_plates_the_first_is_the_reads():
    first, second = p.jpeg(60, 20), p.jpeg(64, 20)
    form = [FormField(f"plate{n}.jpg", data) for n, data in enumerate((first, second))]
    assert translated("hikvision", event(), *form).reads[0].crop == first


@pytest.mark.parametrize(
    "document",
    [
        b"<Event/>",
        b"<a",
        b"x",
        b"<?xml version='1.0' encoding='gb2312'?><a/>",
        b"<!DOCTYPE EventNotificationAlert [<!ENTITY a 'a'>]><EventNotificationAlert/>",
    ],
)
def test_other_xml_is_no_event(document):
    with pytest.raises(Malformed) as refused:
        translated("hikvision", document)
    assert refused.value.code == "maker_xml_unreadable"
