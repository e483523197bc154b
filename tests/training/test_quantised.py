"""A quantised network takes and gives what the exact one does, and nearly the same numbers on any processor."""

import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from services.recognition.engine.network import OnnxNetwork
from tests.training.toy import lived
from training import export, saved
from training.reader_net import ReaderNet
from training.samples import REGIONS

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "services" / "recognition" / "models"
READERS = ("reader", "second_reader")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


def smooth(rng, count, height, width):
    """Return pictures with edges of all sizes."""
    small = rng.integers(0, 256, (count, 9, 15, 3), np.uint8)
    return np.stack(
        [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in small]
    )


def kernels(file):
    """Return the 8-bit kernels of a network."""
    return [
        numpy_helper.to_array(one)
        for one in onnx.load(file).graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and len(one.dims) == 4
    ]


def largest(kernel):
    return int(np.abs(kernel.astype(int)).max())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the exact and the quantised file of a reader, and pictures that it was not quantised with."""
    torch.manual_seed(4)
    folder, rng = tmp_path_factory.mktemp("quantised"), np.random.default_rng(4)
    typical = smooth(rng, 24, 64, 160)
    torch.save(lived(ReaderNet(len(REGIONS)), 3 * [typical]).state_dict(), folder / "reader.pt")
    exact, small = folder / "exact.onnx", folder / "small.onnx"
    facts = {"temperature": 1.25, "version": "r1"}
    export.export_reader(folder / "reader.pt", exact, **facts)
    export.export_reader(folder / "reader.pt", small, **facts, typical=typical)
    return exact, small, smooth(rng, 5, 64, 160)


def test_a_quantised_network_gives_nearly_the_same_from_half_the_bytes(files):
    exact, small, pictures = files
    expected, found = OnnxNetwork(exact).run(pictures), OnnxNetwork(small).run(pictures)
    assert expected.keys() == found.keys()
    for output, values in expected.items():
        assert found[output].shape == values.shape
        difference = np.abs(found[output] - values).mean()
        assert 0 < difference < 0.05 * max(1.0, float(np.abs(values).mean())), output
    assert OnnxNetwork(exact).about == OnnxNetwork(small).about
    assert onnx.load(small).producer_name == "plateward"
    assert small.stat().st_size < 0.6 * exact.stat().st_size


def test_weights_have_seven_bits_so_that_no_processor_saturates(files):
    _, small, _ = files
    assert len(kernels(small)) == 13
    assert max(map(largest, kernels(small))) == 64


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("reader", "2026-11-25-reader"),
        ("second_reader", "2026-12-01-reader-second"),
        ("detector", "2026-11-25-detector"),
        ("second_detector", "2026-11-29-detector-long"),
    ],
)
def test_the_services_networks_are_those_whose_weights_are_kept(name, run, tmp_path):
    last = ROOT / "training/runs" / run / "last"
    if "reader" in name:
        temperature = float(OnnxNetwork(MODELS / f"{name}.onnx").about["temperature"])
        export.export_reader(last, tmp_path / "exact.onnx", temperature=temperature, version="r1")
        pictures = export.typical_pictures(5)
    else:
        export.export_detector(last, tmp_path / "exact.onnx", version="d1")
        pictures = smooth(np.random.default_rng(8), 2, 96, 160)
    expected = OnnxNetwork(tmp_path / "exact.onnx").run(pictures)
    found = OnnxNetwork(MODELS / f"{name}.onnx").run(pictures)
    assert expected.keys() == found.keys()
    for output, values in expected.items():
        scale = max(1.0, float(np.abs(values).mean()))
        assert np.abs(found[output] - values).mean() < 0.05 * scale, output


@pytest.mark.parametrize("name", READERS)
def test_the_services_readers_are_quantised(name):
    assert max(map(largest, kernels(MODELS / f"{name}.onnx"))) == 64


def test_the_services_readers_have_the_same_margins():
    first, second = (OnnxNetwork(MODELS / f"{name}.onnx").about for name in READERS)
    for margin in ("margin_across", "margin_up"):
        assert first[margin] == second[margin]


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a reader's run."""
    torch.manual_seed(6)
    net = lived(ReaderNet(len(REGIONS)), [smooth(np.random.default_rng(6), 8, 64, 160)])
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    saved.write(tmp_path, saved.Saved(weights, 7, 3))
    return tmp_path


def test_the_command_line_quantises_a_run(folder, monkeypatch):
    monkeypatch.setattr(export, "TYPICAL", 12)
    target = folder / "reader.onnx"
    arguments = ["export", "reader", str(folder / "last"), str(target), "--quantise"]
    monkeypatch.setattr(sys, "argv", arguments)
    export.main()
    assert any(one.op_type == "QuantizeLinear" for one in onnx.load(target).graph.node)


def test_only_the_reader_is_quantised(folder, monkeypatch, capsys):
    arguments = ["export", "detector", str(folder / "last"), str(folder / "x.onnx"), "--quantise"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit):
        export.main()
    assert "only the reader is quantised" in capsys.readouterr().err
    assert not (folder / "x.onnx").exists()
