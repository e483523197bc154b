import numpy as np
import pytest
import torch

from training.calibrate import fit
from training.train_reader import spelled


def texts_from(logits, rng):
    """Return a text for each (T, C) of logits, as probable as its logits."""
    odds = torch.softmax(logits, 2).numpy().astype(np.float64).cumsum(2)
    paths = (odds < rng.random((*odds.shape[:2], 1)) * odds[..., -1:]).sum(2)
    return spelled(paths)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
def test_a_known_temperature_is_found(temperature):
    rng = np.random.default_rng(5)
    logits = torch.from_numpy(rng.normal(0, 3, (2500, 6, 37)).astype(np.float32))
    fitted = fit(logits * temperature, texts_from(logits, rng))
    assert fitted.temperature == pytest.approx(temperature, rel=0.08)
    assert fitted.ece < 0.04


def test_the_calibration_error_exposes_a_fault_that_no_temperature_corrects():
    rng = np.random.default_rng(5)
    logits = torch.from_numpy(rng.normal(0, 3, (500, 6, 37)).astype(np.float32))
    logits[:, :, 7] += 20
    assert fit(logits, [(9,)] * 500).ece > 0.5
