import cv2
import numpy as np
import pytest

from deploy.local.demo.frames import HOURS, PLATELESS_EVERY, NoFrames, photos, rendered


def test_rendered_frames_are_whole_jpegs_with_their_truth():
    frames = list(rendered(3, seed=9))
    assert [f.condition for f in frames] == list(HOURS[:3])
    for frame in frames:
        picture = cv2.imdecode(np.frombuffer(frame.content, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (720, 1280, 3)
        assert frame.truth
    assert frames == list(rendered(3, seed=9))


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
