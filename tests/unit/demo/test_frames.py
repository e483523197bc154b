import io
import multiprocessing
import os
import signal

import cv2
import numpy as np
import pytest
from rich.console import Console

from local.demo import __main__ as demo
from local.demo.frames import (
    HOURS,
    PLATELESS_EVERY,
    NoFrames,
    absent,
    of_film,
    photos,
    rendered,
)
from scenes.footage import NoFootage, write_film


def test_rendered_frames_are_whole_jpegs_with_their_truth():
    frames = list(rendered(3, seed=9))
    assert [f.condition for f in frames] == list(HOURS[:3])
    for frame in frames:
        picture = cv2.imdecode(np.frombuffer(frame.content, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (720, 1280, 3)
        assert frame.truth
    assert frames == list(rendered(3, seed=9))


def test_a_worker_leaves_the_ctrl_c_of_a_terminal_to_the_command():
    frames = rendered(12, seed=9)
    next(frames)
    for worker in multiprocessing.active_children():
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGINT)  # a terminal signals the whole foreground group
    assert len(list(frames)) == 11


def test_some_rendered_frames_show_no_plate():
    truth = [bool(f.truth) for f in rendered(PLATELESS_EVERY, seed=9)]
    assert truth == [True] * (PLATELESS_EVERY - 1) + [False]


def test_photos_come_by_name_with_their_truth(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.webp", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "truth.csv").write_text("file,x,y,w,h,plate\na.jpg,1,2,30,15,7ABC123\n")
    found = photos(tmp_path)
    assert [(f.name, f.media_type) for f in found] == [
        ("a.jpg", "image/jpeg"),
        ("b.PNG", "image/png"),
        ("c.webp", "image/webp"),
    ]
    assert [t.plate for t in found[0].truth] == ["7ABC123"]
    assert found[1].truth == ()


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(NoFrames):
        photos(tmp_path)
    with pytest.raises(NoFrames):
        photos(tmp_path / "absent")


def test_missing_photos_that_the_truth_names_are_reported(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "truth.csv").write_text(
        "file,x,y,w,h,plate\n[gone].jpg,1,2,3,4,AB1\na.jpg,1,2,3,4,AB1\n"
    )
    assert absent(tmp_path) == ["[gone].jpg"]
    said = io.StringIO()
    chosen = demo.Choice(photos=tmp_path)
    frames, source = demo._frames(chosen, 1.0, Console(file=said, width=200))
    assert (len(frames), source) == (1, "1 photos")
    assert said.getvalue() == "Named in truth.csv and not there, so left out: [gone].jpg.\n"


def test_no_photo_is_reported_missing_if_all_exist_or_there_is_no_truth(tmp_path):
    assert absent(tmp_path) == []
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "truth.csv").write_text("file,x,y,w,h,plate\na.jpg,1,2,3,4,AB1\n")
    assert absent(tmp_path) == []


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.mp4"
    frames = (np.full((48, 64, 3), 20 * place, np.uint8) for place in range(10))
    write_film(path, frames, frames_per_s=10)
    return path


@pytest.mark.parametrize("option", ["photos", "video"])
def test_a_film_gives_frames_of_one_camera(film, option):
    chosen = demo.Choice(**{option: film})
    frames, source = demo._frames(chosen, 0.5, Console(file=io.StringIO()))
    assert source == "2 frames of the film film.mp4"
    assert [(f.name, f.film) for f in frames] == [
        ("film-000000.jpg", "film.mp4"),
        ("film-000005.jpg", "film.mp4"),
    ]


def test_a_long_film_is_posted_from_its_beginning_only(film, monkeypatch):
    monkeypatch.setattr("local.demo.frames.MOST_OF_A_FILM", 3)
    assert len(of_film(film, 10)) == 3


def test_a_film_that_cannot_be_played_is_named(tmp_path):
    with pytest.raises(NoFootage, match=r"gone\.mp4 is not there"):
        of_film(tmp_path / "gone.mp4", 1)
