import cv2
import numpy as np
import pytest

from services.recognition.models import ALPHABET
from training.photography import NARROWEST_PX, WIDEST_PX, cut_out, photograph, width_px
from training.plates import PlateRenderer
from training.samples import LONGEST, REGIONS, load, sample, write
from training.train_reader import (
    COLUMN_PX,
    LOWER_BY_PX,
    NOT_TRAINED,
    aligned,
    rendered,
    spelled,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    write(folder, 90, seed=4, workers=1)
    return folder


def test_samples_are_the_same_from_one_seed_and_others_from_another(folder, tmp_path):
    write(tmp_path / "again", 90, seed=4, workers=2)
    write(tmp_path / "other", 90, seed=5, workers=1)
    first, again, other = load(folder), load(tmp_path / "again"), load(tmp_path / "other")
    assert np.array_equal(first.pictures, again.pictures)
    assert np.array_equal(first.texts, again.texts)
    assert np.array_equal(first.places, again.places)
    assert not np.array_equal(first.texts, other.texts)


def test_a_sample_is_a_picture_with_its_text_region_and_places(folder):
    samples = load(folder)
    assert samples.pictures.shape == (90, 64, 160, 3)
    assert samples.texts.shape == (90, LONGEST)
    lengths = (samples.texts > 0).sum(1)
    assert ((lengths >= 2) == samples.plates.astype(bool)).all()
    assert 0 < samples.plates.sum() < 90
    assert samples.texts.max() <= len(ALPHABET)
    assert samples.regions.max() < len(REGIONS)
    for length, places in zip(lengths, samples.places, strict=True):
        assert (places[:length, 0] < 160).all()
        assert (places[:length, 1] < 64).all()
        assert (places[length:] == 255).all()


def stand_apart(places):
    """Whether no two successive characters want the same column: a low stacked pair does."""
    across, down = np.diff(places.astype(int), axis=0).T
    return not ((abs(across) <= COLUMN_PX) & (down <= LOWER_BY_PX)).any()


def test_aligned_columns_spell_the_text(folder):
    samples = load(folder)
    where = aligned(np.array(samples.texts), np.array(samples.places))
    assert where.shape == (90, 80)
    paths = spelled(np.where(where == NOT_TRAINED, 0, where))
    texts = [tuple(int(c) for c in row if c) for row in samples.texts]
    apart = [stand_apart(np.array(p[: len(t)])) for p, t in zip(samples.places, texts, strict=True)]
    assert np.mean(apart) > 0.9
    for path, text, said in zip(paths, texts, apart, strict=True):
        assert path == text or not said


def test_training_may_begin_while_samples_are_being_rendered(folder):
    samples = load(folder)
    assert rendered(samples) == 90
    half = np.array(samples.places)
    half[40:] = 0
    begun = type(samples)(samples.pictures, samples.texts, samples.regions, samples.plates, half)
    assert rendered(begun) == 40


def test_plates_are_as_wide_as_in_real_frames():
    rng = np.random.default_rng(1)
    widths = [width_px(rng) for _ in range(400)]
    assert NARROWEST_PX <= min(widths) < 1.1 * NARROWEST_PX
    assert 0.9 * WIDEST_PX < max(widths) <= WIDEST_PX


def test_character_places_follow_the_plate_through_pose_and_cut():
    plate = np.full((160, 320, 3), 235, np.uint8)
    dots = np.array([[60, 50], [160, 80], [260, 110]], np.float32)
    for x, y in dots:
        cv2.circle(plate, (int(x), int(y)), 16, (20, 20, 20), -1)
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        picture, places = cut_out(rng, photograph(rng, plate, 120.0, dots))
        assert places.shape == (3, 2)
        grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (5, 5), 0)
        for x, y in places:
            assert 0 < x < 160
            assert 0 < y < 64
            hits += grey[int(y), int(x)] < np.median(grey)
    assert hits > 0.9 * 180


def test_a_sample_without_a_plate_has_no_text_region_or_places():
    renderer, rng = PlateRenderer(), np.random.default_rng(3)
    nothing = [one for one in (sample(rng, renderer) for _ in range(120)) if not one.legible]
    assert nothing
    assert {(one.text, one.region, len(one.places)) for one in nothing} == {("", "unknown", 0)}
