"""A network that is restored from an ONNX file computes what the file computes, and trains."""

from pathlib import Path

import numpy as np
import pytest
import torch

from services.recognition.engine.network import OnnxNetwork
from training.detector_net import DetectorNet
from training.detector_net import Exported as ExportedDetector
from training.reader_net import Exported as ExportedReader
from training.reader_net import ReaderNet
from training.restored import OtherNetwork, restore
from training.samples import REGIONS

MODELS = Path(__file__).parents[2] / "services" / "recognition" / "models"


def pictures(shape):
    """Return pictures with edges of all sizes."""
    rng = np.random.default_rng(1)
    small = torch.from_numpy(rng.integers(0, 256, (shape[0], 3, 6, 10)).astype(np.float32))
    large = torch.nn.functional.interpolate(small, shape[1:], mode="bilinear")
    return large.permute(0, 2, 3, 1).contiguous().to(torch.uint8)


@pytest.mark.parametrize(
    ("net", "exported", "file", "shape", "anew"),
    [
        (lambda: ReaderNet(len(REGIONS)), ExportedReader, "reader.onnx", (24, 64, 160), ["early.bias", "early.weight"]),
        (DetectorNet, ExportedDetector, "detector.onnx", (8, 96, 160), []),
    ],
)  # fmt: skip
def test_the_committed_networks_are_restored(net, exported, file, shape, anew):
    mine, given = net(), pictures(shape)
    assert restore(mine, MODELS / file, given) == anew
    stored = OnnxNetwork(MODELS / file).run(given.numpy())
    for training in (False, True):
        # With the statistics of the same pictures, a norm in training differs by their estimate alone.
        mine.train(training)
        with torch.no_grad():
            computed = exported(mine)(given)
        for theirs, ours in zip(stored.values(), computed, strict=True):
            scale = max(1.0, float(np.abs(theirs).max()))
            assert np.abs(theirs - ours.numpy()).max() < 2e-2 * scale, training


def test_another_network_is_refused():
    with pytest.raises(OtherNetwork):
        restore(ReaderNet(3), MODELS / "reader.onnx", pictures((8, 64, 160)))
