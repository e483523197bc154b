import numpy as np
import pytest

from services.recognition.engine.own_weights import FOLDER
from services.recognition.settings import Settings
from tests.bench import engines
from tests.bench.engines import NoSuchEngine, WholePicture, make_engine, without_detector
from tests.unit.bench.readings import reading


class OtherEngine:
    name, digest = "other/1", "ab" * 32

    def read(self, frame):
        return [reading("7ABC123")]

    def read_batch(self, frames):
        return [self.read(frame) for frame in frames]


@pytest.fixture
def asked(monkeypatch):
    """The settings and region packs that engines were asked for with."""
    seen = []

    def chosen(settings, packs, folder):
        assert folder == FOLDER
        seen.append((settings, packs))
        return OtherEngine

    monkeypatch.setattr(engines, "chosen_engine", chosen)
    return seen


def test_the_bench_builds_the_engine_that_the_settings_choose(asked):
    assert make_engine("ppocrv6-tiny").name == "other/1"
    assert asked[0] == (Settings(recognition_model="ppocrv6-tiny"), ("us",))


@pytest.mark.parametrize(("set_to", "on"), [("0", engines.OPINION_BELOW), ("0.3", 0.3)])
def test_a_second_opinion_can_be_turned_on_and_off(set_to, on, asked, monkeypatch):
    monkeypatch.setenv("RECOGNITION_SECOND_OPINION_BELOW", set_to)
    make_engine("plateward", second_opinion="off")
    with pytest.raises(NoSuchEngine):
        make_engine("plateward", second_opinion="on")
    make_engine("plateward", second_opinion="as set")
    below = [settings.recognition_second_opinion_below for settings, _ in asked]
    assert below == [0, on, float(set_to)]


def test_an_engine_without_a_second_opinion_cannot_be_measured_with_one(asked):
    with pytest.raises(NoSuchEngine, match="other/1 asks nobody"):
        make_engine("ppocrv6-small", second_opinion="on")


def test_an_engine_without_weights_is_reported_by_name():
    with pytest.raises(NoSuchEngine, match="no-such-model"):
        make_engine("no-such-model")


def test_an_engine_without_a_reader_of_its_own_cannot_read_crops_alone():
    with pytest.raises(NoSuchEngine, match="without finding it first"):
        without_detector(OtherEngine())


def test_a_crop_read_whole_is_one_plate_from_edge_to_edge():
    [[one], [other]] = WholePicture("1").find(
        [np.zeros((40, 90, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)]
    )
    assert one.quad.tolist() == [[0, 0], [90, 0], [90, 40], [0, 40]]
    assert other.quad.tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert one.score == 1


def test_networks_take_the_place_of_the_shipped_ones_of_their_name(tmp_path):
    other = tmp_path / "reader.onnx"
    other.write_bytes(b"other")
    with engines.networks(tmp_path) as folder:
        placed = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert placed.pop("reader.onnx") == b"other"
    assert placed == {
        file.name: file.read_bytes() for file in FOLDER.glob("*.onnx") if file.name != "reader.onnx"
    }
    with engines.networks(None) as folder:
        assert folder == FOLDER


@pytest.mark.parametrize("name", ["none.txt", "stranger.onnx"])
def test_a_folder_without_networks_or_with_unknown_ones_is_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"")
    with (
        pytest.raises(NoSuchEngine, match=r"second_reader\.onnx"),
        engines.networks(tmp_path),
    ):
        pass
