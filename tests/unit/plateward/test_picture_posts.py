"""What `plateward pictures` posts first, how long it waits for what, and which file it deletes."""

import os
import time
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from plateward import picture_posts
from plateward.answers import Response
from plateward.inbox import Inbox, TimeInName
from plateward.picture_posts import ENDS, Camera, NoAnswer, in_order

STORED = Response(202, {})
UNAVAILABLE = Response(503, {"code": "busy"})


class Answers:
    """Stands in for ingest: gives answers in turn, the last one for ever."""

    host = "ingest.example"

    def __init__(self, *answers):
        self.posted = []
        self._answers = list(answers)

    def post(self, path, captured_at, place):
        self.posted.append(path.name)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        pass


class Overwritten(Answers):
    """Ingest, while the camera writes its next picture to the same name."""

    def post(self, path, captured_at, place):
        path.write_bytes(b"the next picture")
        return super().post(path, captured_at, place)


class Pauses(Event):
    """A signal to stop that comes after some pauses, which it notes instead of waiting."""

    def __init__(self, most):
        super().__init__()
        self.seconds = []
        self._most = most

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        if len(self.seconds) == self._most:
            self.set()
        return self.is_set()


def put(folder, name, *, age_s=0.0):
    path = folder / name
    path.write_bytes(b"picture")
    at_s = time.time() - age_s
    os.utime(path, (at_s, at_s))
    return path


def inbox(folder):
    return Inbox(folder, steady_s=0, most_days=7, below=True, ends=ENDS)


def worked(folder, ingest, pauses=1):
    stop = Pauses(pauses)
    camera = Camera("north", inbox(folder), None, ingest, stop)
    camera.work(once=False)
    return stop.seconds, camera.counts


def test_live_pictures_go_before_late_ones_of_each_the_oldest_first(tmp_path):
    for age_s in (20_000, 5, 899, 901, 90):
        put(tmp_path, f"{age_s}.jpg", age_s=age_s)
    ingest = Answers(STORED)
    assert worked(tmp_path, ingest)[1].posted == 5
    assert ingest.posted == ["899.jpg", "90.jpg", "5.jpg", "20000.jpg", "901.jpg"]


def test_a_new_picture_goes_before_late_ones_that_wait(tmp_path, monkeypatch):
    """A turn posts for two seconds, and the next one finds what came meanwhile."""
    for number in range(3):
        put(tmp_path, f"late{number}.jpg", age_s=9000 - number)
    ingest = Answers(STORED)
    now_s = 0.0
    monkeypatch.setattr(picture_posts.time, "monotonic", lambda: now_s)
    post = ingest.post

    def posting(path, captured_at, place):
        nonlocal now_s
        now_s += 2.1
        if not ingest.posted:
            put(tmp_path, "new.jpg")
        return post(path, captured_at, place)

    ingest.post = posting
    worked(tmp_path, ingest, pauses=5)
    assert ingest.posted == ["late0.jpg", "new.jpg", "late1.jpg", "late2.jpg"]


@pytest.mark.parametrize("answer", [UNAVAILABLE, NoAnswer("refused"), Response(404, {})])
def test_waits_grow_to_a_minute_while_ingest_stores_nothing(tmp_path, answer):
    path = put(tmp_path, "a.jpg")
    seconds, counts = worked(tmp_path, Answers(answer), pauses=9)
    for waited_s, about_s in zip(seconds, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert about_s * 0.75 <= waited_s <= about_s * 1.25
    assert (path.exists(), counts.posted, counts.waiting) == (True, 0, 1)
    assert counts.trouble is not None


def test_waits_begin_anew_once_a_picture_is_stored(tmp_path):
    for number in range(3):
        put(tmp_path, f"{number}.jpg", age_s=9 - number)
    ingest = Answers(UNAVAILABLE, UNAVAILABLE, STORED, UNAVAILABLE, STORED)
    seconds, counts = worked(tmp_path, ingest, pauses=4)
    assert [round(one) for one in seconds[:3]] != [1, 2, 4]
    assert seconds[2] <= 1.25
    assert (counts.posted, counts.trouble) == (3, None)


@pytest.mark.parametrize(("said_s", "waited_s"), [(7, 7), (None, 1), (9000, 600)])
def test_a_camera_over_its_rate_waits_as_long_as_ingest_says(tmp_path, said_s, waited_s):
    put(tmp_path, "a.jpg")
    seconds, counts = worked(tmp_path, Answers(Response(429, {}, said_s)))
    assert (seconds, counts.trouble) == ([waited_s], None)


def test_a_busy_ingest_is_given_at_least_the_time_that_it_asks_for(tmp_path):
    put(tmp_path, "a.jpg")
    seconds, _ = worked(tmp_path, Answers(Response(503, {}, 40)))
    assert 30 <= seconds[0] <= 50


def test_a_refused_credential_is_tried_once_a_minute(tmp_path):
    put(tmp_path, "a.jpg")
    for status in (401, 403):
        seconds, counts = worked(tmp_path, Answers(Response(status, {"code": "no"})), pauses=2)
        assert (seconds, counts.waiting) == ([60.0, 60.0], 1)


def test_a_picture_that_may_not_be_read_waits_and_others_go_on(tmp_path):
    put(tmp_path, "a.jpg", age_s=9)
    put(tmp_path, "b.jpg")
    ingest = Answers(PermissionError(13, "Permission denied"), STORED)
    _, counts = worked(tmp_path, ingest)
    assert (counts.posted, counts.waiting, counts.unreadable) == (1, 1, 1)
    assert counts.sentence == (
        "north: 1 posted, 0 refused, 1 waiting, 1 of them unreadable for this program"
    )


def test_a_file_that_was_written_anew_meanwhile_is_not_deleted(tmp_path):
    path = put(tmp_path, "latest.jpg", age_s=5)

    worked(tmp_path, Overwritten(STORED))
    assert path.read_bytes() == b"the next picture"


def test_a_picture_written_anew_meanwhile_does_not_fail_for_the_one_before(tmp_path):
    path = put(tmp_path, "latest.jpg", age_s=5)

    _, counts = worked(tmp_path, Overwritten(Response(415, {"code": "image_kind_unknown"})))
    assert (path.read_bytes(), counts.refused) == (b"the next picture", 0)


def test_a_fault_of_the_program_ends_all_cameras(tmp_path):
    put(tmp_path, "a.jpg")
    stop = Pauses(1)
    camera = Camera("north", inbox(tmp_path), None, Answers(KeyError("x")), stop)
    with pytest.raises(KeyError):
        camera.work(once=False)
    assert stop.is_set()
    assert camera.counts.trouble == "an error of the program"


def test_order_is_by_the_times_of_captures_not_of_files(tmp_path):
    now = datetime.now(UTC)
    for age in (timedelta(hours=3), timedelta(minutes=3)):
        put(tmp_path, f"{now - age:%Y%m%d%H%M%S}.jpg", age_s=7)
    found = inbox(tmp_path).waiting(time.time(), TimeInName("%Y%m%d%H%M%S.jpg", UTC))
    names = [one.path.name for one in in_order(found, now.timestamp())]
    assert names == sorted(names, reverse=True)


@pytest.mark.parametrize(
    ("form", "name", "at"),
    [
        ("*_%Y%m%d%H%M%S%f_*.jpg", "g_1_20261202140812345_X.jpg", "2026-12-02T14:08:12.345"),
        ("*%Y-%m-%d_%H-%M-%S*", "cam2026-12-02_14-08-12.jpg", "2026-12-02T14:08:12"),
        ("*.%Y%j%H%M%S.jpg", "a.2026336140812.jpg", "2026-12-02T14:08:12"),
        ("%Y%m%d%H%M%S.jpg", "20261202140812.jpg", "2026-12-02T14:08:12"),
        ("*_%Y%m%d%H%M%S.jpg", "a_20261302140812.jpg", None),
        ("*_%Y%m%d%H%M%S.jpg", "a_2026120214081.jpg", None),
        ("*_%Y%m%d%H%M%S.jpg", "a_20261202140812xjpg", None),
        ("*_%Y%m%d%H%M%S.jpg", "a_20261202140812.jpg.jpg", None),
    ],
)
def test_a_time_is_found_in_a_name(form, name, at):
    found = TimeInName(form, UTC).of(name)
    assert found == (None if at is None else datetime.fromisoformat(at).replace(tzinfo=UTC))
