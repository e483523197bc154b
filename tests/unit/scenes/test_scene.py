import csv
import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from scenes import CONDITIONS, encode_jpeg, render_scene
from scenes.__main__ import main
from scenes.lens import Lens, aim
from scenes.plates import BY_CODE
from scenes.scene import TooManyPlates
from tests.unit.scenes.digests import RECORD, SIZE, digest, digests

SMALL = (640, 360)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_same_seed_gives_the_same_bytes(condition):
    first, second = (render_scene(11, condition=condition, size=SMALL) for _ in range(2))
    assert np.array_equal(first.frame, second.frame)
    assert [t.plate for t in first.truth] == [t.plate for t in second.truth]
    assert encode_jpeg(first.frame) == encode_jpeg(second.frame)


def test_seeds_and_hours_give_different_frames():
    frames = [render_scene(s, condition=c, size=SMALL).frame for s in (1, 2) for c in CONDITIONS]
    assert len({frame.tobytes() for frame in frames}) == len(frames)


@pytest.mark.parametrize("seed", range(30))
def test_every_plate_is_completely_inside_the_frame(seed):
    scene = render_scene(seed, condition=CONDITIONS[seed % 5], size=SMALL)
    assert scene.frame.shape == (360, 640, 3)
    assert scene.frame.dtype == np.uint8
    assert 1 <= len(scene.truth) <= 2
    for plate in scene.truth:
        assert plate.corners.shape == (4, 2)
        assert (plate.corners >= 0).all()
        assert (plate.corners <= SMALL).all()
        left_top, right_top, right_bottom, left_bottom = plate.corners
        assert left_top[0] < right_top[0]
        assert left_top[1] < left_bottom[1]
        assert right_top[1] < right_bottom[1]
        x, y, w, h = plate.box
        assert 1.4 < w / h < 2.6
        assert x + w <= SMALL[0]
        assert y + h <= SMALL[1]


def test_wanted_plates_come_in_the_order_asked_for():
    scene = render_scene(5, plates=["7ABC123", "MESA77"], size=SMALL)
    assert [t.plate for t in scene.truth] == ["7ABC123", "MESA77"]
    assert scene.truth[0].state == "CA"


def test_two_plates_never_cover_each_other():
    for seed in range(20):
        a, b = (
            t.corners for t in render_scene(seed, plates=["AAA111", "BBB222"], size=SMALL).truth
        )
        assert a[:, 0].max() < b[:, 0].min() or b[:, 0].max() < a[:, 0].min()


def test_the_flat_plate_can_be_found_where_the_truth_says():
    dark = 0
    for seed in range(8):
        scene = render_scene(seed, plates=["8XYZ888"], condition="infrared")
        x, y, w, h = scene.truth[0].box
        inside = scene.frame[y : y + h, x : x + w].mean()
        dark += inside < 2 * scene.frame.mean()
    assert dark == 0, "an infrared camera sees the plate as the brightest thing there is"


def test_a_scene_may_have_no_plate():
    scene = render_scene(3, plates=[], size=SMALL)
    assert scene.truth == []
    assert scene.frame.std() > 5


def test_three_plates_are_refused():
    with pytest.raises(TooManyPlates):
        render_scene(1, plates=["A1", "B2", "C3"])


def test_a_jpeg_of_lower_quality_is_smaller_and_decodes_to_the_frame():
    frame = render_scene(2).frame
    small, large = encode_jpeg(frame, 40), encode_jpeg(frame, 92)
    assert len(small) < len(large)
    decoded = cv2.imdecode(np.frombuffer(large, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - frame).mean() < 6


def test_the_lens_projects_its_target_to_the_aimed_point():
    lens = aim((1.0, 0.8, 9.0), (500, 400), focal_px=2000, size=(1280, 720), x_m=-1.0, y_m=3.0)
    assert np.allclose(lens.project([(1.0, 0.8, 9.0)]), [[500, 400]], atol=12)


def test_points_behind_the_camera_are_projected_without_failure():
    lens = Lens(1000, 640, 360, 0.0, 1.5, 0.0, 0.0)
    assert np.isfinite(lens.project([(0, 0, -5), (0, 0, 0)])).all()


def test_a_folder_of_scenes_carries_its_truth(tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["scenes", str(tmp_path), "--count", "3", "--size", "640", "360"]
    )
    main()
    files = sorted(p.name for p in tmp_path.glob("*.jpg"))
    with (tmp_path / "truth.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert len(files) == 3
    assert {row["file"] for row in rows} == set(files)
    assert all(int(row["w"]) > 20 and row["plate"].isalnum() for row in rows)
    assert all(row["state"] in BY_CODE for row in rows)


def test_a_hundred_seeds_render_as_recorded():
    """Training, benches and the demonstration rest on it. Renew the record on purpose only (`digests`)."""
    recorded = json.loads(RECORD.read_text())
    assert len(set(recorded.values())) == len(recorded) == 100
    now = digests()
    changed = [seed for seed in recorded if now[seed] != recorded[seed]]
    assert not changed, "these seeds render otherwise: was that intended?"


def test_a_digest_depends_on_plates_boxes_and_brightness_but_not_on_a_single_pixel():
    scene = render_scene(1, size=SIZE)
    [plate, *_] = scene.truth
    pixel = scene.frame.copy()
    pixel[0, 0, 0] ^= 1
    assert digest(replace(scene, frame=pixel)) == digest(scene)
    darker = replace(scene, frame=scene.frame // 2)
    moved = replace(scene, truth=[replace(plate, corners=plate.corners + 1)])
    renamed = replace(scene, truth=[replace(plate, plate="OTHER1")])
    assert digest(scene) not in map(digest, (darker, moved, renamed))
