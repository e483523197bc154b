import sys

import cv2
import numpy as np
import pytest

from training.scenes import Backgrounds, PlatePool, compose, plateless
from training.scenes.__main__ import main
from training.scenes.backgrounds import is_held_out
from training.scenes.frames import Frame, paint_over
from training.scenes.model import Canvas, box_corners
from training.scenes.mount import mount_anywhere
from training.scenes.negatives import burn_stamp, draw_negative
from training.scenes.pool import render_simple
from training.scenes.pose import Pose, lay

SIZE = (320, 192)


@pytest.fixture(scope="module")
def backgrounds(tmp_path_factory):
    return Backgrounds.load(tmp_path_factory.mktemp("cache"), scenes=6, plates=8)


def street(rng, plates, suspects=()):
    """Return a grey frame with a bright lettered plate in every box of `plates`."""
    pixels = np.full((720, 1280, 3), 90, np.uint8) + rng.integers(0, 9, (720, 1280, 3), np.uint8)
    for x, y, w, h in plates:
        pixels[y : y + h, x : x + w] = 230
        pixels[y + h // 4 : y + 3 * h // 4, x + 6 : x + w - 6 : 7] = 20
    corners = np.array([box_corners(*box) for box in plates], np.float32).reshape(-1, 4, 2)
    return Frame(
        pixels, corners, exact=False, suspects=np.array(suspects, np.float32).reshape(-1, 4)
    )


def test_a_patch_depends_on_its_seed_alone(backgrounds):
    first, second = (compose(np.random.default_rng(7), backgrounds) for _ in range(2))
    other = compose(np.random.default_rng(8), backgrounds)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.corners, second.corners)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("size", [SIZE, (640, 384)])
def test_every_target_is_complete_and_clockwise_in_its_patch(backgrounds, size):
    targets = 0
    for seed in range(40):
        sample = compose(np.random.default_rng(seed), backgrounds, size)
        assert sample.image.shape == (size[1], size[0], 3)
        assert sample.image.dtype == np.uint8
        assert len(sample.corners) == len(sample.exact)
        assert sample.ignore.shape[1:] == (4,)
        for corners in sample.corners:
            assert (corners > -2).all()
            assert (corners < np.array(size) + 2).all()
            assert cv2.contourArea(corners, oriented=True) > 0
            targets += 1
    assert targets >= 20


def test_patches_with_and_without_plates_both_occur(backgrounds):
    counts = [len(compose(np.random.default_rng(seed), backgrounds).corners) for seed in range(40)]
    assert 0 in counts
    assert max(counts) >= 2


def test_a_plate_cut_by_the_edge_is_ignored_and_no_target():
    canvas = Canvas(np.zeros((192, 320, 3), np.uint8))
    canvas.add(box_corners(-20, 50, 60, 30), exact=True)
    canvas.add(box_corners(100, 50, 60, 30), exact=True)
    canvas.add(box_corners(200, 50, 8, 4), exact=True)
    sample = canvas.finish()
    assert sample.corners.tolist() == [box_corners(100, 50, 60, 30).tolist()]
    assert len(sample.ignore) == 2


def test_a_body_panel_never_covers_a_plate():
    rng = np.random.default_rng(5)
    plate = render_simple(rng)
    for _ in range(20):
        canvas = Canvas(np.full((192, 320, 3), 100, np.uint8))
        canvas.image[80:110, 130:190] = (1, 254, 3)
        canvas.add(box_corners(130, 80, 60, 30), exact=True)
        for _ in range(3):
            mount_anywhere(canvas, rng, plate, 40.0)
        assert (canvas.image[84:106, 134:186] == (1, 254, 3)).all()


def test_the_corners_match_the_drawn_plate():
    image = np.zeros((192, 320, 3), np.uint8)
    corners = Pose.draw(np.random.default_rng(3), (160.0, 90.0), 120.0, ease=0.0).rectangle(
        1.0, 0.5
    )
    lay(image, np.full((120, 240, 3), 255, np.uint8), corners, soften_px=0.3)
    rows, columns = np.nonzero(image[..., 0] > 127)
    assert abs(columns.min() - corners[:, 0].min()) < 2
    assert abs(columns.max() + 1 - corners[:, 0].max()) < 2
    assert abs(rows.min() - corners[:, 1].min()) < 2
    assert abs(rows.max() + 1 - corners[:, 1].max()) < 2
    assert abs(np.count_nonzero(image[..., 0] > 127) - cv2.contourArea(corners)) < 120


def test_painting_over_a_plate_leaves_its_surroundings_and_no_strokes():
    frame = street(np.random.default_rng(1), [(600, 400, 120, 30)])
    patch = paint_over(frame.pixels, (600, 400, 120, 30))
    clean = frame.pixels.copy()
    height, width = patch.pixels.shape[:2]
    clean[patch.top : patch.top + height, patch.left : patch.left + width] = patch.pixels
    assert frame.pixels[400:430, 600:720].std() > 50
    assert clean[400:430, 600:720].std() < 8
    assert abs(float(clean[400:430, 600:720].mean()) - 94) < 6
    assert np.array_equal(clean[:300], frame.pixels[:300])


def test_real_frames_give_boxes_as_targets_and_ignore_unmarked_suspects():
    rng = np.random.default_rng(2)
    frame = street(rng, [(600, 400, 120, 30)], suspects=[(500, 380, 60, 20)])
    pool = PlatePool.render(render_simple, 4, seed=1)
    only_real = Backgrounds([frame], [], pool)
    samples = [compose(np.random.default_rng(seed), only_real) for seed in range(60)]
    assert any(not exact for sample in samples for exact in sample.exact)
    assert any(len(sample.ignore) for sample in samples)


def test_a_plateless_frame_keeps_no_plate_of_its_background():
    frame = street(np.random.default_rng(4), [(300, 400, 120, 30), (800, 500, 150, 40)])
    # Rendered frames are drawn from as well: here they are the same one.
    bare = Backgrounds([frame], [frame], PlatePool.render(render_simple, 1, seed=1))
    spread = [
        float(np.ptp(plateless(np.random.default_rng(seed), bare)[505:535, 805:945].mean(0)))
        for seed in range(6)
    ]
    assert sorted(spread)[2] < 60


def test_negatives_are_valid_pictures_and_a_stamp_changes_the_frame():
    rng = np.random.default_rng(6)
    for _ in range(60):
        picture = draw_negative(rng)
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert min(picture.shape[:2]) >= 8
    image = np.full((192, 320, 3), 100, np.uint8)
    burn_stamp(image, rng)
    assert (image != 100).any()


def test_about_an_eighth_of_the_dashcam_is_held_out_by_name():
    held = [is_held_out(f"train-{number:03d}.jpg") for number in range(534)]
    assert 40 <= sum(held) <= 95
    assert held == [is_held_out(f"train-{number:03d}.jpg") for number in range(534)]


def test_the_command_writes_padded_arrays(tmp_path, monkeypatch):
    words = [
        "scenes",
        "--out",
        str(tmp_path / "out"),
        "--count",
        "3",
        "--scenes",
        "2",
        "--plates",
        "3",
    ]
    monkeypatch.setattr("training.scenes.__main__.flat_plate", render_simple)
    monkeypatch.setattr(
        sys, "argv", [*words, "--cache", str(tmp_path / "cache"), "--size", "320x192"]
    )
    main()
    images, corners, exact, ignore = (
        np.load(tmp_path / "out" / f"{name}.npy")
        for name in ("images", "corners", "exact", "ignore")
    )
    assert images.shape == (3, 192, 320, 3)
    assert corners.shape == (3, 6, 4, 2)
    assert exact.shape == (3, 6)
    assert ignore.shape == (3, 6, 4)
    assert not exact[np.isnan(corners[..., 0, 0])].any()
