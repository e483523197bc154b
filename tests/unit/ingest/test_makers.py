"""What each maker's devices post, in our terms: Hikvision's XML apart, which has tests of its own."""

import json

import pytest

from services.ingest.actions.makers import MAKERS
from services.ingest.actions.makers.posted import FormField, PassedOver, Posted
from shared.core.errors import InvalidInput, Malformed
from tests.unit.ingest import pictures as p
from tests.unit.ingest.posts import example, in_base64, read_of, result, translated


@pytest.mark.parametrize(
    ("maker", "field", "value"),
    [
        ("axis", "direction", "approaching"),
        ("axis", "confidence", 0.940034),
        ("axis", "model", "axis"),
        ("codeproject", "source_id", "@1234567890/cam1.20260601_115958.jpg"),
        ("codeproject", "confidence", 0.94),
        ("codeproject", "captured_at", "2026-06-01T11:59:58+00:00"),
        ("codeproject", "model", "codeproject"),
        ("frigate", "source_id", "1780315198.25-4kq2ab"),
        ("frigate", "confidence", 0.94),
        ("frigate", "model", "frigate"),
        ("frigate", "captured_at", "2026-06-01T11:59:58.250000+00:00"),
        ("genetec", "confidence", 0.94),
        ("genetec", "captured_at", "2026-06-01T11:59:58Z"),
        ("genetec", "region", "US-CA"),
        ("genetec", "model", "genetec"),
        ("hikvision", "source_id", "8d4f6a1c-0b7e-4a75-9d8e-2f3a7c5b9e10"),
        ("hikvision", "captured_at", "2026-06-01T11:59:58-07:00"),
        ("hikvision", "confidence", 0.94),
        ("plate-recognizer", "source_id", "camera-1_screenshots/26-06-01/11-59-58.250000.jpg"),
        ("plate-recognizer", "captured_at", "2026-06-01T11:59:58.250000Z"),
        ("plate-recognizer", "confidence", 0.94),
        ("plate-recognizer", "plate", "7ABC123"),
        ("plate-recognizer", "alternatives", [{"plate": "7A8C123", "confidence": 0.71}]),
        ("plate-recognizer", "direction", "receding"),
        ("rekor", "source_id", "7RH1SCAM-3-1780315198250"),
        ("rekor", "captured_at", "2026-06-01T11:59:58.250000+00:00"),
        ("rekor", "confidence", 0.936),
        ("rekor", "alternatives", [{"plate": "7A8C123", "confidence": pytest.approx(0.812)}]),
        ("bridge", "model", "bridge"),
        ("bridge", "source_id", "gate-000481"),
    ],
)
def test_each_value_of_a_makers_example_is_in_its_read(maker, field, value):
    document = MAKERS[maker].example
    sent = document.encode() if isinstance(document, str) else document
    [read] = translated(maker, sent).reads
    assert read.fields[field] == value


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"carMoveDirection": "OUT"}, "direction", "receding"),
        ({"carMoveDirection": "unknown"}, "direction", None),
        ({"carMoveDirection": None}, "direction", None),
        ({"plateConfidence": 0.5}, "confidence", 0.5),
        ({"carID": 481}, "source_id", "ACCC8E000000-481"),
        ({"camera_info": None}, "source_id", "481"),
        ({"camera_info": {}}, "source_id", "481"),
        ({"geotag": {"lat": "39.9", "lon": -122.1}}, "latitude", 39.9),
        ({"geotag": {"lat": "39.9"}}, "latitude", None),
        ({"carState": None}, "plate", "7ABC123"),
        ({"carState": "Lost"}, "plate", "7ABC123"),
    ],
)
def test_words_of_an_axis_camera_may_be_missing_or_numbers(changes, field, value):
    assert read_of("axis", **changes).get(field) == value


@pytest.mark.parametrize("state", ["NEW", "Update"])
def test_an_axis_camera_announces_a_car_before_its_read(state):
    assert translated("axis", example("axis", carState=state)).passed_over is PassedOver.PREVIEW


@pytest.mark.parametrize(
    ("maker", "name", "value"),
    [
        ("axis", "capture_timestamp", "soon"),
        ("axis", "plateConfidence", "sure"),
        ("codeproject", "timestamp", 1e30),
        ("frigate", "timestamp", 1e30),
        ("genetec", "ConfidenceScore", "sure"),
        ("rekor", "epoch_start", 1e30),
    ],
)
def test_a_number_that_cannot_be_used_is_refused_by_the_name_that_its_maker_gives_it(
    maker, name, value
):
    with pytest.raises(InvalidInput) as refused:
        translated(maker, example(maker, **{name: value}))
    assert (refused.value.code, refused.value.field) == ("maker_number_unreadable", name)
    assert refused.value.params["name"] == name


def test_a_car_without_a_plate_is_a_capture_where_and_when_it_was_or_nothing():
    nameless = example("axis", plateUTF8="", geotag={"lat": 39.9, "lon": -122.1})
    assert translated("axis", nameless).passed_over is PassedOver.NO_PLATE
    scene = {"ImageType": "full", "BinaryImage": in_base64(p.jpeg())}
    assert translated("axis", nameless | {"ImageArray": [scene]}) == Posted(
        frame=p.jpeg(),
        captured_at="2026-06-01T11:59:58.250000+00:00",
        place={"latitude": 39.9, "longitude": -122.1},
    )


def test_the_scene_of_a_car_is_its_vehicle_before_the_whole_picture_before_any_frame():
    kinds = ["Vehicle", "Full", "Frame"]
    pictures = [p.jpeg(320 + n, 240) for n in range(3)]
    images = [
        {"ImageType": kind, "BinaryImage": in_base64(picture)}
        for kind, picture in zip(kinds, pictures, strict=True)
    ]
    for n, expected in enumerate(pictures):
        posted = translated("axis", example("axis", ImageArray=images[n:][::-1]))
        assert posted.frame == expected
        assert posted.reads[0].crop is None
    nameless = translated("axis", example("axis", ImageArray=[{"BinaryImage": "YWJj"}]))
    assert nameless.frame is None


def test_a_bridge_posts_a_hundred_reads_at_most_and_with_a_frame_of_one_moment():
    [one] = MAKERS["bridge"].example["reads"]
    assert len(translated("bridge", {"reads": [one] * 100}).reads) == 100
    with pytest.raises(InvalidInput) as refused:
        translated("bridge", {"reads": []})
    assert refused.value.code == "reads_empty"
    with pytest.raises(InvalidInput) as refused:
        translated("bridge", {"reads": [one], "pictures": []})
    assert (refused.value.code, refused.value.field) == ("field_unknown", "pictures")
    with pytest.raises(InvalidInput) as refused:
        translated("bridge", {"reads": [one] * 101})
    assert (refused.value.field, refused.value.params["max_reads"]) == ("reads", 100)
    later = one | {"captured_at": "2026-06-01T11:59:59Z"}
    assert len(translated("bridge", {"reads": [one, later]}).reads) == 2
    frame = p.jpeg()
    posted = translated("bridge", {"reads": [one, one], "frame": in_base64(frame)})
    assert posted.frame == frame
    with pytest.raises(InvalidInput) as refused:
        translated("bridge", {"reads": [one, later], "frame": in_base64(frame)})
    assert refused.value.field == "captured_at"


def test_a_crop_of_a_bridge_that_is_no_text_is_refused_with_its_read():
    [one] = MAKERS["bridge"].example["reads"]
    with pytest.raises(InvalidInput) as refused:
        translated("bridge", {"reads": [one, one | {"crop": 3}]})
    assert (refused.value.code, refused.value.field) == ("read_refused", "crop")
    assert refused.value.params["index"] == 1
    because = refused.value.params["because"]
    assert (because.code, because.params) == (
        "field_type_wrong",
        {"name": "crop", "expected": "string"},
    )
    [read] = translated("bridge", {"reads": [one | {"crop": None}]}).reads
    assert (read.crop, "crop" in read.fields) == (None, False)


def dumped(*found):
    """Return what Blue Iris posts of some plates, a finding each."""
    predictions = [{"plate": plate, "confidence": 0.9} for plate in found]
    return [{"found": {"predictions": [one]}} for one in predictions]


def test_blue_iris_posts_findings_of_other_kinds_beside_plates():
    others = [{}, {"found": None}, {"found": {}}, {"found": {"predictions": None}}]
    posted = translated(
        "codeproject", example("codeproject", ai_dump=[*others, *dumped("8XYZ999")])
    )
    [read] = posted.reads
    assert read.fields["plate"] == "8XYZ999"
    bare = {"timestamp": 1780315198}
    assert translated("codeproject", bare).passed_over is PassedOver.NO_PLATE
    nameless = [{"found": {"predictions": [{"confidence": 0.9}]}}]
    posted = translated("codeproject", example("codeproject", ai_dump=nameless))
    assert posted.passed_over is PassedOver.NO_PLATE


def test_of_a_frame_of_blue_iris_only_plates_are_reads_and_without_one_it_is_a_capture():
    frame = p.jpeg()
    both = example("codeproject", ai_dump=dumped("!", "8XYZ999"), Image=in_base64(frame))
    posted = translated("codeproject", both)
    assert [one.fields["plate"] for one in posted.reads] == ["8XYZ999"]
    assert posted.reads[0].fields["source_id"] == both["ALERT_PATH"], "one read needs no number"
    assert posted.frame == frame
    none = translated("codeproject", both | {"ai_dump": dumped("!")})
    assert none == Posted(frame=frame, captured_at="2026-06-01T11:59:58+00:00")


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        (99_999_999_999, "5138-11-16T09:46:39+00:00"),
        (100_000_000_000, "1973-03-03T09:46:40+00:00"),
        (" 1780315198 ", "2026-06-01T11:59:58+00:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_time_of_blue_iris_is_in_seconds_or_milliseconds_or_written(timestamp, time):
    assert read_of("codeproject", timestamp=timestamp)["captured_at"] == time


@pytest.mark.parametrize("name", ["score", "timestamp"])
def test_a_plate_of_frigate_has_a_score_and_a_time(name):
    with pytest.raises(InvalidInput) as refused:
        translated("frigate", example("frigate", **{name: None}))
    assert (refused.value.code, refused.value.field) == ("maker_field_missing", name)


def test_frigate_posts_other_updates_and_plates_that_it_did_not_read():
    for kind in ("description", "face", "LPR"):
        posted = translated("frigate", example("frigate", type=kind))
        assert posted.passed_over is PassedOver.OTHER_EVENT
    for plate in ("", None):
        posted = translated("frigate", example("frigate", plate=plate))
        assert posted.passed_over is PassedOver.NO_PLATE


@pytest.mark.parametrize(
    "day", ["01-06-2026", "2026-06-01", "1/6/26", "001/06/2026", "", "1/6/20260"]
)
def test_a_day_of_autovu_is_day_month_and_year(day):
    with pytest.raises(InvalidInput) as refused:
        translated("genetec", example("genetec", DateUtc=day))
    assert (refused.value.code, refused.value.field) == ("maker_day_unreadable", "DateUtc")
    assert refused.value.params["name"] == "DateUtc"


def test_a_read_of_autovu_has_a_probability_and_its_picture_is_the_scene():
    with pytest.raises(InvalidInput) as refused:
        translated("genetec", example("genetec", ConfidenceScore=None))
    assert (refused.value.code, refused.value.field) == ("maker_field_missing", "ConfidenceScore")
    frame = p.jpeg()
    posted = translated("genetec", example("genetec", ContextImage=in_base64(frame)))
    assert (posted.frame, len(posted.reads)) == (frame, 1)
    assert read_of("genetec", DateUtc=" 31/12/2026 ")["captured_at"] == "2026-12-31T11:59:58Z"


def recognised(form=(), **changes):
    """Return what Plate Recognizer's example is in our terms with other values of its data."""
    document = example("plate-recognizer")
    document["data"] |= changes
    document["data"] = {
        name: value for name, value in document["data"].items() if value is not None
    }
    return translated("plate-recognizer", document, *form)


def test_a_hook_of_plate_recognizer_without_results_is_another_event():
    assert recognised(results=None).passed_over is PassedOver.OTHER_EVENT
    assert translated("plate-recognizer", {"hook": {}}).passed_over is PassedOver.OTHER_EVENT
    assert recognised(results=[]).passed_over is PassedOver.NO_PLATE


def test_the_frame_of_plate_recognizer_is_the_largest_picture_of_its_form():
    small, large = p.jpeg(64, 48), p.jpeg(640, 480)
    form = [
        FormField(name, data)
        for name, data in [("a.jpg", small), ("b.jpg", large), ("c.jpg", small)]
    ]
    posted = recognised(form)
    assert (posted.frame, posted.reads[0].crop) == (large, None)
    without = recognised(form, results=[])
    assert without == Posted(frame=large, captured_at="2026-06-01T11:59:58.250000Z")
    assert recognised(form, results=[], timestamp=None).captured_at is None
    unread_beside = [{"plate": "!", "score": 0.9}, {"plate": "8xyz999", "score": 0.8}]
    [read] = recognised(form, results=unread_beside).reads
    assert read.fields["plate"] == "8XYZ999"
    assert read.fields["source_id"].endswith(".jpg")


@pytest.mark.parametrize("score", [0.5, 0.49])
def test_what_plate_recognizer_says_of_a_vehicle_counts_if_it_is_likely(score):
    fields = result(
        model_make=[{"make": "Ford", "model": "F-150", "score": score}],
        color=[{"color": "black", "score": score}],
        orientation=[{"orientation": "FRONT", "score": score}],
    )
    said = [fields.get(n) for n in ("vehicle_make", "vehicle_model", "vehicle_colour", "direction")]
    assert said == (["Ford", "F-150", "black", "approaching"] if score >= 0.5 else [None] * 4)
    unsure = result(
        region={"code": "us-nv"},
        model_make=[{"make": "Ford", "model": "F-150"}],
        color=[{"color": "black"}],
        orientation=[{"orientation": "Front"}],
        candidates=[{"plate": "8xyz999"}],
    )
    assert unsure.pop("alternatives") == [{"plate": "8XYZ999", "confidence": 0.0}]
    nothing = result(model_make=[], color=[], orientation=[], region=None, candidates=[])
    assert unsure == nothing, "a word without a score is as good as none"
    assert set(nothing) == {"plate", "confidence", "model", "captured_at", "source_id"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data_type": "heartbeat"}, PassedOver.SIGN_OF_LIFE),
        ({"data_type": "alpr_results"}, PassedOver.OTHER_EVENT),
        ({"is_preview": True}, PassedOver.PREVIEW),
        ({"best_plate_number": ""}, PassedOver.NO_PLATE),
        ({"data_type": "vehicle"}, None),
        ({"is_preview": None}, None),
    ],
)
def test_a_post_of_rekor_says_what_it_is(changes, reason):
    posted = translated("rekor", example("rekor", **changes))
    assert posted.passed_over is reason
    assert bool(posted.reads) is (reason is None)


@pytest.mark.parametrize("name", ["epoch_start", "best_confidence"])
def test_a_group_of_rekor_has_a_time_and_a_probability(name):
    with pytest.raises(InvalidInput) as refused:
        translated("rekor", example("rekor", **{name: None}))
    assert (refused.value.code, refused.value.field) == ("maker_field_missing", name)


def test_what_rekor_says_of_a_vehicle_counts_if_it_is_likely():
    likely = {
        name: [{"name": "no", "confidence": 20}, {"name": name, "confidence": 50}]
        for name in ("color", "make", "make_model")
    }
    fields = read_of("rekor", vehicle=likely, gps_latitude=39.9, gps_longitude=-122.1)
    said = [fields[name] for name in ("vehicle_colour", "vehicle_make", "vehicle_model")]
    assert said == ["color", "make", "make_model"]
    assert (fields["latitude"], fields["longitude"]) == (39.9, -122.1)
    unlikely = {name: [{"name": name, "confidence": 49.9}] for name in likely}
    assert (
        not {"vehicle_colour", "vehicle_make", "vehicle_model"}
        & read_of("rekor", vehicle=unlikely).keys()
    )
    assert read_of("rekor", best_region_confidence=None)["region"] == "US-CA"
    bare = read_of("rekor", vehicle={"make": [{"name": "ford"}]}, candidates=[{"plate": "8XYZ999"}])
    assert "vehicle_make" not in bare
    assert bare["alternatives"] == [{"plate": "8XYZ999", "confidence": 0.0}]


def test_a_group_of_rekor_may_have_the_picture_of_its_plate():
    crop = p.jpeg(60, 20)
    document = example("rekor", best_plate={"plate_crop_jpeg": in_base64(crop)})
    posted = translated("rekor", document)
    assert (posted.reads[0].crop, posted.frame) == (crop, None)
    assert translated("rekor", example("rekor")).reads[0].crop is None


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


def test_pictures_of_an_axis_camera_are_told_apart_by_their_type():
    crop, scene = p.jpeg(60, 20), p.jpeg(640, 480)
    images = [
        {"ImageType": "plate", "BinaryImage": in_base64(crop)},
        {"ImageType": "vehicle", "BinaryImage": in_base64(scene)},
    ]
    posted = translated("axis", {**MAKERS["axis"].example, "ImageArray": images})
    assert posted.reads[0].crop == crop
    assert posted.frame == scene
    other = {"ImageType": "Frame", "BinaryImage": in_base64(crop)}
    example = MAKERS["axis"].example
    assert translated("axis", {**example, "ImageArray": [other, *images]}).frame == scene
    assert translated("axis", {**example, "ImageArray": [other]}).frame == crop


def test_a_picture_without_content_is_passed_over_for_one_that_has_some():
    scene = p.jpeg(640, 480)
    images = [
        {"ImageType": "vehicle", "BinaryImage": ""},
        {"ImageType": "full", "BinaryImage": in_base64(scene)},
    ]
    assert translated("axis", {**MAKERS["axis"].example, "ImageArray": images}).frame == scene


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


def test_the_whole_scene_comes_before_a_cut_of_the_vehicle():
    scene, cut = p.jpeg(640, 480), p.jpeg(64, 48)
    example = MAKERS["rekor"].example
    both = {
        "overview_jpeg": in_base64(scene),
        "vehicle_crop_jpeg": in_base64(cut),
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
