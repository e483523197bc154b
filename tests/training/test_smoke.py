"""`python -m training` with SMOKE=1, the command behind `make train-reader` and its like."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from services.recognition.engine.cuts import CutReader
from services.recognition.engine.detector import PlateDetector
from services.recognition.engine.network import OnnxNetwork
from services.recognition.engine.reader import PlateReader
from services.recognition.engine.states import StateReader
from shared.core.region_packs import regions_of

ROOT = Path(__file__).parents[2]
FRAME = np.full((96, 160, 3), 90, np.uint8)


def made(network, out):
    """Return the folder that a smoke run leaves, and the JSON line that it ends with."""
    done = subprocess.run(
        [sys.executable, "-m", "training", network, "--smoke", "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, timeout=3000, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out / f"{network}-smoke", json.loads(done.stdout.splitlines()[-1])


def losses(folder):
    log = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in log]


def test_the_reader_is_trained_from_scratch(tmp_path):
    folder, figures = made("reader", tmp_path)
    assert figures["network"] == "reader"
    assert {"step", "exact", "region", "plate", "temperature", "ece"} <= set(figures)
    assert figures["step"] == 9
    first, *_, last = losses(folder)
    assert last < first
    assert cv2.imread(str(folder / "loss.png")).std() > 5
    reader = PlateReader(
        CutReader(OnnxNetwork(folder / "reader.onnx")), regions=regions_of(("us",))
    )
    assert reader.versions == ("local",)
    quad = np.array([[30, 30], [130, 30], [130, 80], [30, 80]], np.float32)
    assert len(reader.read([(FRAME, quad)])) == 1


def test_the_detector_is_trained_from_scratch(tmp_path):
    folder, figures = made("detector", tmp_path)
    assert figures["network"] == "detector"
    assert {"step", "recall", "false_per_100", "corner_error"} <= set(figures)
    assert figures["step"] == 9
    first, *_, last = losses(folder)
    assert last < first
    assert cv2.imread(str(folder / "loss.png")).std() > 5
    detector = PlateDetector(OnnxNetwork(folder / "detector.onnx"), longest_px=160, minimum=0.5)
    assert detector.version == "local"
    assert len(detector.find([FRAME])) == 1


def test_the_state_reader_is_trained_from_scratch(tmp_path):
    folder, figures = made("states", tmp_path)
    assert figures["network"] == "states"
    assert {"step", "right", "told", "told_right", "temperature", "held_out_loss"} <= set(figures)
    assert figures["step"] == 9
    first, *_, last = losses(folder)
    assert last < first
    assert cv2.imread(str(folder / "loss.png")).std() > 5
    states = StateReader(OnnxNetwork(folder / "states.onnx"), minimum=0.99)
    assert states.version == "local"
    quad = np.array([[30, 30], [130, 30], [130, 80], [30, 80]], np.float32)
    assert [found.named() for found in states.read([(FRAME, quad)])] == [None]
