import sys

import numpy as np
import onnx
import pytest
import torch

from services.recognition.engine.cuts import CutReader
from services.recognition.engine.detector import PlateDetector
from services.recognition.engine.network import OnnxNetwork
from services.recognition.engine.own_weights import find_own
from services.recognition.engine.reader import PlateReader
from services.recognition.engine.states import StateReader
from services.recognition.models import MARGIN_ACROSS, MARGIN_UP
from shared.core.region_packs import regions_of
from tests.training.toy import lived
from training import detector_net, export, name_net, reader_net, saved
from training.calibrate import TEMPERATURES
from training.samples import REGIONS

# PyTorch's warnings about the exporter that we ask for, and about shapes that it accepts as they are.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


def pictures(rng, *shape):
    return rng.integers(0, 256, (*shape, 3), np.uint8)


def batches(rng, shape):
    return [pictures(rng, 4, *shape) for _ in range(3)]


@pytest.fixture(scope="module")
def nets():
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    reader = lived(reader_net.ReaderNet(len(REGIONS)), batches(rng, (64, 160)))
    detector = lived(detector_net.DetectorNet(), batches(rng, (96, 160)))
    with torch.no_grad():
        detector.score[1].bias.fill_(0.0)
    states = lived(name_net.NameNet(len(REGIONS)), batches(rng, (80, 192)))
    return reader, detector, states


@pytest.fixture(scope="module")
def folder(nets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for net, name in zip(nets, ("reader", "detector", "states"), strict=True):
        torch.save(net.state_dict(), folder / f"{name}.pt")
    export.export_reader(
        folder / "reader.pt", folder / "reader.onnx", temperature=1.25, version="r1"
    )
    narrow = lived(
        reader_net.ReaderNet(len(REGIONS), (8, 12, 16, 24, 32)),
        batches(np.random.default_rng(4), (64, 160)),
    )
    torch.save(narrow.state_dict(), folder / "second.pt")
    export.export_reader(
        folder / "second.pt", folder / "second_reader.onnx", temperature=1.1, version="r2"
    )
    for name, version in (("detector", "d1"), ("second_detector", "d2")):
        export.export_detector(folder / "detector.pt", folder / f"{name}.onnx", version=version)
    export.export_states(
        folder / "states.pt", folder / "states.onnx", temperature=0.8, version="s1"
    )
    return folder


@pytest.mark.parametrize("many", [1, 5])
def test_the_exported_reader_matches_its_network(nets, folder, many):
    given = pictures(np.random.default_rng(many), many, 64, 160)
    with torch.no_grad():
        wanted = reader_net.Exported(nets[0]).eval()(torch.from_numpy(given))
    got = OnnxNetwork(folder / "reader.onnx").run(given)
    assert got["characters"].shape == (many, 80, 37)
    assert got["region"].shape == (many, len(REGIONS))
    for name, value in zip(("characters", "region", "plate"), wanted, strict=True):
        np.testing.assert_allclose(got[name], value.numpy(), rtol=1e-4, atol=1e-4)
    assert np.exp(got["characters"]).sum(2) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 96, 160), (1, 384, 640)])
def test_the_exported_detector_matches_its_network_at_any_size(nets, folder, shape):
    given = pictures(np.random.default_rng(shape[1]), *shape)
    with torch.no_grad():
        score, corners = detector_net.Exported(nets[1]).eval()(torch.from_numpy(given))
    got = OnnxNetwork(folder / "detector.onnx").run(given)
    assert got["score"].shape == (shape[0], shape[1] // 8, shape[2] // 8)
    np.testing.assert_allclose(got["score"], score.numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got["corners"], corners.numpy(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("many", [1, 5])
def test_the_exported_state_reader_matches_its_network_at_its_temperature(nets, folder, many):
    given = pictures(np.random.default_rng(many), many, 80, 192)
    with torch.no_grad():
        wanted = (nets[2](torch.from_numpy(given)) / 0.8).log_softmax(1).numpy()
    got = OnnxNetwork(folder / "states.onnx").run(given)["region"]
    assert got.shape == (many, len(REGIONS))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_exported_files_contain_the_metadata_that_the_service_needs(folder):
    about = OnnxNetwork(folder / "reader.onnx").about
    assert about == {
        "version": "r1",
        "regions": ",".join(REGIONS),
        "margin_across": str(MARGIN_ACROSS),
        "margin_up": f"{MARGIN_UP:g}",
        "temperature": "1.25",
    }
    assert OnnxNetwork(folder / "detector.onnx").about == {"version": "d1"}
    about = OnnxNetwork(folder / "states.onnx").about
    assert about == {"version": "s1", "regions": ",".join(REGIONS)}
    assert onnx.load(folder / "reader.onnx").producer_name == "plateward"


def test_the_service_loads_and_runs_the_exported_files(folder):
    weights = find_own(folder)
    detector = PlateDetector(OnnxNetwork(weights.detector), longest_px=160, minimum=0.0)
    states = StateReader(OnnxNetwork(weights.states), minimum=0.0)
    reader = PlateReader(
        CutReader(OnnxNetwork(weights.reader)),
        states,
        second=CutReader(OnnxNetwork(weights.second_reader)),
        regions=regions_of(("us",)),
        recut_below=1.0,
    )
    assert (detector.version, *reader.versions) == ("d1", "r1", "r2", "s1")
    frame = pictures(np.random.default_rng(1), 90, 150)
    [found] = detector.find([frame])
    assert isinstance(found, list)
    quad = np.array([[20, 20], [120, 22], [120, 70], [20, 68]], np.float32)
    [text] = reader.read([(frame, quad)])
    assert 0 <= text.legible <= 1
    [found] = states.read([(frame, quad)])
    named = found.named()
    assert named is None or named.removeprefix("US-") in REGIONS
    assert text.line.shape == (4, 2)


def test_weights_of_a_run_are_exported_and_calibrated(nets, tmp_path, monkeypatch, capsys):
    net = nets[0]
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    saved.write(tmp_path, saved.Saved(weights, 7, 1))
    arguments = [
        "export",
        "reader",
        str(tmp_path / "last"),
        str(tmp_path / "reader.onnx"),
        "--fit",
        "6",
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    export.main()
    found = OnnxNetwork(tmp_path / "reader.onnx")
    temperature = float(found.about["temperature"])
    assert temperature in np.round(TEMPERATURES, 3)
    assert f"temperature {temperature}" in capsys.readouterr().out
    given = pictures(np.random.default_rng(2), 64, 160)[None]
    said = found.run(given)["characters"]
    with torch.no_grad():
        expected = reader_net.Exported(net).eval()(torch.from_numpy(given))[0].numpy()
    assert np.abs(said - expected).max() < 0.02  # kernels have 16 bits


def test_a_reader_of_states_is_exported_at_the_temperature_that_fits(tmp_path, monkeypatch, capsys):
    net = name_net.NameNet(len(REGIONS)).eval()
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    saved.write(tmp_path, saved.Saved(weights, 7, 1))
    target = tmp_path / "states.onnx"
    arguments = ["export", "states", str(tmp_path / "last"), str(target), "--fit", "6"]
    monkeypatch.setattr(sys, "argv", arguments)
    export.main()
    temperature = float(capsys.readouterr().out.split()[1].rstrip(","))
    assert temperature in np.round(TEMPERATURES, 3)
    given = pictures(np.random.default_rng(2), 80, 192)[None]
    with torch.no_grad():
        expected = name_net.Exported(net, temperature).eval()(torch.from_numpy(given)).numpy()
    found = OnnxNetwork(target).run(given)["region"]
    assert np.abs(found - expected).max() < 0.05  # kernels have 16 bits


def test_a_run_without_a_first_write_is_not_exported(tmp_path):
    with pytest.raises(FileNotFoundError):
        saved.weights_of(tmp_path / "last")


def test_a_file_is_made_from_the_command_line(folder, tmp_path, monkeypatch):
    target = tmp_path / "reader.onnx"
    monkeypatch.setattr(
        sys,
        "argv",
        ["export", "reader", str(folder / "reader.pt"), str(target), "--temperature", "1.5"],
    )
    export.main()
    assert OnnxNetwork(target).about["temperature"] == "1.5"
