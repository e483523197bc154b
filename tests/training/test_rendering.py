"""What the configurations of the renderer add to a plate, and that it stays legible."""

from dataclasses import replace

import numpy as np
import pytest

from training.faces import NARROW_HEAVY
from training.fittings import frame_deeply, stick_within, worn
from training.photography import photograph
from training.plates import PlateRenderer, face_of
from training.rendering import HARD, USUAL, VALIDATION
from training.serials import at_random
from training.styles import STYLES

SEEDS = range(30)
SERIAL = np.array([[50, 84], [90, 84], [190, 84], [230, 84], [270, 84]], np.float32)


def sheet():
    return np.full((160, 320, 3), 200, np.uint8)


def changed(plate):
    return (plate != 200).any(axis=2)


def test_a_sticker_within_a_serial_covers_no_character():
    found = 0
    for seed in SEEDS:
        plate = sheet()
        stick_within(np.random.default_rng(seed), plate, SERIAL)
        where = changed(plate)
        found += where.any()
        assert not where[84, SERIAL[:, 0].astype(int)].any()
        assert not where[:, :103].any()
        assert not where[:, 177:].any()
    assert found > 25


def test_a_sticker_without_a_gap_is_beside_the_serial():
    even = np.array([[x, 84] for x in range(80, 250, 40)], np.float32)
    for seed in SEEDS:
        plate = sheet()
        stick_within(np.random.default_rng(seed), plate, even)
        assert not changed(plate)[:, 80:241].any()


@pytest.mark.parametrize("two_lines", [False, True])
def test_a_deep_frame_reaches_the_serial_and_leaves_it_legible(two_lines):
    rows = ((50, 112) if two_lines else (84,)) * 5
    middles = np.array(list(zip(range(60, 60 + 20 * len(rows), 20), rows, strict=True)), np.float32)
    half = (0.17 if two_lines else 0.24) * 160
    reached = 0
    for seed in SEEDS:
        plate = sheet()
        frame_deeply(np.random.default_rng(seed), plate, middles, two_lines=two_lines)
        column = changed(plate)[:, 150]
        free = np.flatnonzero(~column)
        assert free.min() <= min(rows) - 0.6 * half
        assert free.max() >= max(rows) + 0.6 * half
        reached += free.min() > min(rows) - 1.2 * half or free.max() < max(rows) + 1.2 * half
    assert reached > 25


def test_dust_leaves_some_contrast():
    plate = sheet()
    plate[60:110, 40:280:20] = 20
    clean = replace(USUAL, dirt=0, fading=0)
    for seed in SEEDS:
        bare = worn(np.random.default_rng(seed), plate, clean)
        dusty = worn(np.random.default_rng(seed), plate, replace(clean, dust=1.0))
        ink, ground = dusty[80, 60:280:20].mean(), dusty[80, 50:280:20].mean()
        assert 8 < ground - ink < 0.8 * (bare[80, 50:280:20].mean() - bare[80, 60:280:20].mean())


def test_a_plate_at_night_is_brighter_than_what_is_around_it():
    night = replace(USUAL, night=1.0, infrared=0.0)
    inside, outside = [], []
    for seed in SEEDS:
        photo = photograph(np.random.default_rng(seed), sheet(), 120.0, rendering=night)
        x, y = photo.corners.mean(0).astype(int)
        inside.append(float(photo.pixels[y - 3 : y + 4, x - 3 : x + 4].mean()))
        outside.append(float(np.median(photo.pixels[:3])))
    assert np.mean(np.array(inside) > np.array(outside) + 10) > 0.8


def test_heavy_narrow_dies_are_narrow():
    all_narrow = replace(USUAL, heavy_narrow_dies=1.0, dies=1.0)
    hands = [face_of(np.random.default_rng(seed), STYLES[0], all_narrow) for seed in SEEDS]
    low, high = NARROW_HEAVY[0]
    assert all(low <= hand.width("H") <= high for hand in hands)


def test_more_serials_have_stacked_pairs():
    def count(share):
        rng = np.random.default_rng(1)
        return sum(any(m.stacked for m in at_random(rng, share)) for _ in range(400))

    assert count(0.6) > 2 * count(0.15) > 0


def test_each_configuration_renders_the_same_plates_from_one_seed_and_others_than_the_rest():
    plates = [
        [PlateRenderer(rendering=one).render(np.random.default_rng(seed)) for seed in range(6)]
        for one in (USUAL, HARD, VALIDATION, HARD)
    ]
    usual, hard, validation, again = ([p.pixels.tobytes() for p in each] for each in plates)
    assert hard == again
    assert usual != hard != validation
