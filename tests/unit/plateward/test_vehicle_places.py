"""Where a vehicle's pictures were taken, by what gpsd reports; a picture has no place rather than a wrong one."""

import json
import os
import time
from datetime import UTC, datetime
from threading import Event

import pytest

from plateward.answers import Response
from plateward.gpsd import Gpsd, position_of
from plateward.inbox import Inbox
from plateward.picture_posts import ENDS, Camera
from plateward.places import SETTLES_S, Places
from plateward.track import MOST_CLOCK_OFF_S, REMEMBERED_S, Position, Track, VehiclePlace

NOON_S = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
STORED, UNAVAILABLE = Response(202, {}), Response(503, {"code": "busy"})


def report(**changes):
    given = {
        "class": "TPV", "device": "/dev/ttyACM0", "mode": 3, "time": "2026-06-01T12:00:00.000Z",
        "lat": 39.93, "lon": -122.18, "track": 271.5, "speed": 12.2, "eph": 4.1,
    }  # fmt: skip
    return json.dumps({k: v for k, v in (given | changes).items() if v is not ...}).encode() + b"\n"


def position(at_s, latitude=39.93, longitude=-122.18, course_deg=90.0):
    return Position(at_s, latitude, longitude, course_deg)


def track_of(*positions):
    track = Track()
    for one in positions:
        track.add(one)
    return track


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, Position(NOON_S, 39.93, -122.18, 271.5)),
        ({"track": 360.0}, Position(NOON_S, 39.93, -122.18, 0.0)),
        ({"speed": 0.4}, Position(NOON_S, 39.93, -122.18, None)),
        ({"speed": ...}, Position(NOON_S, 39.93, -122.18, None)),
        ({"track": ...}, Position(NOON_S, 39.93, -122.18, None)),
        ({"mode": 2}, Position(NOON_S, 39.93, -122.18, 271.5)),
        ({"mode": 1}, None),
        ({"mode": ...}, None),
        ({"lat": ...}, None),
        ({"lon": ...}, None),
        ({"time": ...}, None),
        ({"class": "SKY"}, None),
    ],
)
def test_a_report_with_a_fix_has_a_position_and_a_course_while_it_drives(changes, found):
    assert position_of(report(**changes)) == found


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"[]\n",
        b"{}\n",
        report(lat=91),
        report(lon=-180.5),
        report(time="2026-06-01T12:00:00"),
        report(mode="3"),
    ],
)
def test_what_is_no_report_of_gpsd_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own text
        position_of(line)


def test_a_moment_between_two_positions_lies_between_them():
    track = track_of(
        position(0, 39.0, -122.0, 10.0), position(2, 39.2, -122.4, 20.0), position(4, 39.2, -122.4)
    )
    assert track.place_at(0.5) == VehiclePlace(39.05, pytest.approx(-122.1), 10.0)
    assert track.place_at(1.5) == VehiclePlace(pytest.approx(39.15), pytest.approx(-122.3), 20.0)
    assert track.place_at(2) == VehiclePlace(39.2, -122.4, 20.0)


def test_the_way_across_the_180th_meridian_is_the_shorter_one():
    track = track_of(position(0, 52, 179.9999), position(1, 52, -179.9999))
    assert abs(track.place_at(0.25).longitude) == pytest.approx(179.99995)
    assert track.place_at(0.75).longitude == pytest.approx(-179.99995)


@pytest.mark.parametrize(
    ("moment_s", "known"),
    [
        (9.0, True),
        (8.9, False),
        (11.0, True),
        (11.1, False),
        (12.9, False),
        (15.0, True),
        (15.1, False),
    ],
)
def test_a_moment_that_the_positions_do_not_say_has_no_place(moment_s, known):
    """They are 10 s, and 4 s later."""
    track = track_of(position(10), position(14))
    assert (track.place_at(moment_s) is not None) is known


def test_no_positions_say_nothing():
    assert Track().place_at(0) is None
    assert not Track().may_reach(0)


def test_a_clock_that_went_back_begins_the_way_anew():
    track = track_of(position(10), position(11), position(5))
    assert track.place_at(10.5) is None
    assert track.place_at(5) is not None


def test_a_way_is_remembered_for_two_minutes():
    track = track_of(position(0), position(1), position(REMEMBERED_S + 1))
    assert track.place_at(1) is not None
    assert track.place_at(-0.1) is None, "1.1 s before the first"
    assert track.place_at(REMEMBERED_S + 1) is not None


def test_where_the_clocks_disagree_no_picture_has_a_place(caplog):
    track = Track()
    gpsd = Gpsd("127.0.0.1", 2947, track, Event())
    gpsd._add(position(NOON_S), NOON_S + 0.4)
    assert track.place_at(NOON_S) is not None
    for seconds in (1, 2):
        gpsd._add(position(NOON_S + seconds), NOON_S + seconds + MOST_CLOCK_OFF_S + 58)
    assert track.place_at(NOON_S) is None
    said = "the clock here is +60 s off that of GPS; pictures are posted without a place"
    assert [one.getMessage() for one in caplog.records] == [said], "once"
    with caplog.at_level("INFO"):
        gpsd._add(position(NOON_S + 3), NOON_S + 3)
    assert caplog.records[-1].getMessage() == "places are known again"


class Answers:
    """Stands in for ingest: gives one answer, and notes the places of what is posted."""

    host = "ingest.example"

    def __init__(self, answer=STORED):
        self.places = []
        self.answer = answer

    def post(self, path, captured_at, place):
        self.places.append(dict(place))
        return self.answer

    def close(self):
        pass


def put(folder, name, age_s):
    path = folder / name
    path.write_bytes(b"picture")
    at_s = time.time() - age_s
    os.utime(path, (at_s, at_s))
    return at_s


def worked(folder, ingest, track, faces_deg=0.0):
    files = Inbox(folder, steady_s=0, most_days=7, below=True, ends=ENDS)
    camera = Camera("hood", files, None, ingest, Event(), Places(track, faces_deg))
    camera.work(once=True)
    return camera.counts


def around(at_s, **fields):
    return track_of(position(at_s - 0.5, **fields), position(at_s + 0.5, **fields))


@pytest.mark.parametrize(
    ("course_deg", "faces_deg", "heading"),
    [(90.0, 0.0, "90.0"), (350.0, 45.0, "35.0"), (None, 45.0, None)],
)
def test_a_picture_is_posted_with_its_place_and_where_the_camera_looked(
    tmp_path, course_deg, faces_deg, heading
):
    at_s = put(tmp_path, "a.jpg", 3)
    ingest = Answers()
    counts = worked(tmp_path, ingest, around(at_s, course_deg=course_deg), faces_deg)
    place = {"latitude": "39.9300000", "longitude": "-122.1800000"}
    assert ingest.places == [place if heading is None else place | {"heading_deg": heading}]
    assert (counts.posted, counts.unplaced) == (1, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_keeps_its_place_while_it_waits_through_an_outage_and_a_restart(tmp_path):
    at_s = put(tmp_path, "a.jpg", 3)
    assert worked(tmp_path, Answers(UNAVAILABLE), around(at_s)).waiting == 1
    ingest = Answers()
    assert worked(tmp_path, ingest, Track()).posted == 1
    assert ingest.places[0]["latitude"] == "39.9300000"
    assert list(tmp_path.iterdir()) == []


def test_another_picture_of_the_same_name_does_not_get_the_place_of_the_first(tmp_path):
    at_s = put(tmp_path, "a.jpg", 3)
    worked(tmp_path, Answers(UNAVAILABLE), around(at_s))
    put(tmp_path, "a.jpg", 1000)
    ingest = Answers()
    counts = worked(tmp_path, ingest, Track())
    assert ingest.places == [{}]
    assert (counts.posted, counts.unplaced) == (1, 1)
    assert counts.sentence.endswith("1 were posted without a place")


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"version": [1, 2, 3], "place": {}}'])
def test_a_note_that_is_no_place_is_passed_over(tmp_path, note):
    put(tmp_path, "a.jpg", 1000)
    (tmp_path / ".a.jpg.place").write_text(note)
    ingest = Answers()
    worked(tmp_path, ingest, Track())
    assert ingest.places == [{}]


def test_a_fresh_picture_waits_for_the_next_position_and_no_longer(tmp_path):
    at_s = put(tmp_path, "a.jpg", 1.5)
    track = track_of(position(at_s - 1.2))
    ingest = Answers()
    assert worked(tmp_path, ingest, track).waiting == 1
    track.add(position(at_s + 0.8))
    assert worked(tmp_path, ingest, track).posted == 1
    assert ingest.places[0]["latitude"] == "39.9300000"
    at_s = put(tmp_path, "b.jpg", SETTLES_S + 1)
    assert worked(tmp_path, ingest, track_of(position(at_s - 1.2))).posted == 1
    assert ingest.places[1] == {}


def test_a_fresh_picture_of_a_vehicle_without_gps_is_posted_at_once(tmp_path):
    put(tmp_path, "a.jpg", 0.5)
    ingest = Answers()
    assert worked(tmp_path, ingest, Track()).posted == 1
    assert ingest.places == [{}]


def test_a_refused_picture_leaves_no_note(tmp_path):
    at_s = put(tmp_path, "a.jpg", 3)
    counts = worked(tmp_path, Answers(Response(415, {"code": "image_kind_unknown"})), around(at_s))
    assert counts.refused == 1
    assert [path.name for path in tmp_path.iterdir()] == ["failed"]
    assert not [path for path in (tmp_path / "failed").iterdir() if path.name.endswith(".place")]
