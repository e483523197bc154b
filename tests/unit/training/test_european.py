"""The plates that measure European reading: each has a serial that the pack's issuer issues."""

import numpy as np

from shared.core.region_packs import regions_of
from training.european import FILE
from training.serials import issue, text_of
from training.styles import STYLES, parse

EUROPEAN = parse(FILE.read_text(), FILE.name)


def test_serials_of_the_measured_plates_are_those_that_their_countries_issue():
    europe, rng = regions_of(("europe",)), np.random.default_rng(1)
    assert len({style.region for style in EUROPEAN}) == 14
    for style in EUROPEAN:
        for serial in style.serials:
            for _ in range(20):
                plate = text_of(issue(rng, serial))
                assert europe.is_issued(plate, style.region), (style.region, plate)


def test_no_training_renders_the_measured_styles():
    assert not set(EUROPEAN) & set(STYLES)
