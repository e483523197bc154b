import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from services.recognition.engine.detector import Detection, PlateDetector
from services.recognition.engine.odds import log_odds
from services.recognition.engine.protocol import Box
from training import recall
from training.patches import Patches
from training.recall import Patch, counted, sorted_out

ROOT = Path(__file__).parents[2]
PLATE = np.array([[32, 32], [96, 32], [96, 64], [32, 64]], np.float32)
NARROW = np.array([[112, 32], [148, 32], [148, 50], [112, 50]], np.float32)
SIGN = np.array([[104, 72], [152, 72], [152, 92], [104, 92]], np.float32)
EMPTY = np.zeros((96, 160, 3), np.uint8)


class Says:
    """A detector's network: answers each patch with the places set for it, as score and corners."""

    def __init__(self, *patches):
        self.about = {"version": "says"}
        self._patches = list(patches)

    def run(self, pictures):
        score = np.zeros((1, 12, 20), np.float32)
        corners = np.zeros((1, 12, 20, 8), np.float32)
        for one, quad in self._patches.pop(0):
            x, y = (quad.mean(0) / 8).astype(int)
            score[0, y, x], corners[0, y, x] = one, quad.reshape(8)
        return {"score": score, "corners": corners}


def found(*patches):
    return PlateDetector(Says(*patches), longest_px=800, minimum=recall.LOW)


class Reads:
    """A reader that finds legible what is bright."""

    margins = (0.05, 0.1)

    def read(self, cuts):
        return [type("Reading", (), {"legible": float(cut.picture.mean() > 100)}) for cut in cuts]


def test_plates_count_that_are_wide_known_and_legible():
    corners = np.full((1, 4, 4, 2), np.nan, np.float32)
    corners[0, 0], corners[0, 1], corners[0, 2] = PLATE, NARROW, SIGN
    ignore = np.full((1, 2, 4), np.nan, np.float32)
    ignore[0, 0] = 8, 70, 40, 20
    image = np.full((96, 160, 3), 200, np.uint8)
    known = np.array([[True, True, True, False]])

    [all_legible] = sorted_out(Patches(image[None], corners, known, ignore), Reads())
    assert [quad.tolist() for quad in all_legible.legible] == [PLATE.tolist(), SIGN.tolist()]
    assert [quad.tolist() for quad in all_legible.others] == [
        [[8, 70], [48, 70], [48, 90], [8, 90]], NARROW.tolist()
    ]  # fmt: skip

    image[70:] = 0  # where the third plate is
    [dark] = sorted_out(Patches(image[None], corners, known, ignore), Reads())
    assert [quad.tolist() for quad in dark.legible] == [PLATE.tolist()]
    assert any(np.array_equal(quad, SIGN) for quad in dark.others)

    boxed = Patches(image[None], corners, np.zeros_like(known), ignore)
    assert sorted_out(boxed, Reads())[0].legible == []


def test_recall_is_that_from_the_score_at_which_few_places_are_wrong():
    patches = [Patch(EMPTY, [PLATE], [])] * 4
    detector = found([(0.9, PLATE)], [(0.8, PLATE), (0.7, SIGN)], [(0.6, PLATE)], [(0.3, PLATE)])
    assert counted(detector, patches) == recall.Counted(
        legible=4, recall=0.5, score=0.8, recall_at_half=0.75, wrong_at_half=25.0
    )


def test_a_few_wrong_places_are_allowed():
    patches = [Patch(EMPTY, [PLATE], [])] * 4
    detector = found([(0.9, PLATE)], [(0.8, PLATE), (0.7, SIGN)], [(0.6, PLATE)], [(0.3, PLATE)])
    assert counted(detector, patches, wrong=0.2).recall == 1.0


def test_a_place_elsewhere_is_no_find():
    aside = PLATE + np.float32([30, 0])
    figures = counted(found([(0.9, aside)]), [Patch(EMPTY, [PLATE], [])])
    assert (figures.recall_at_half, figures.wrong_at_half) == (0.0, 0.0)


@pytest.mark.parametrize("score", [0.9, 0.4])
def test_other_plates_count_neither_as_found_nor_as_wrong(score):
    figures = counted(found([(score, SIGN)]), [Patch(EMPTY, [], [SIGN])])
    assert (figures.legible, figures.wrong_at_half) == (0, 0.0)
    astray = counted(found([(score, SIGN)]), [Patch(EMPTY, [], [])])
    assert astray.wrong_at_half == (100.0 if score > 0.5 else 0.0)


class Closer:
    """Looks closer: finds each place moved by a pixel, with the probability set for it."""

    def __init__(self, *scores):
        self._scores = scores

    def examine(self, plates):
        return [
            Detection(score, quad + 1)
            for score, (_, quad) in zip(self._scores, plates, strict=True)
        ]

    def place(self, plates, examined):
        return [one.quad for one in examined]


class SaysLegible:
    """A reader that gives each cut the probability of a legible plate that is set for it."""

    margins = (0.05, 0.1)

    def __init__(self, *legible):
        self._legible = legible

    def read(self, cuts):
        return [SimpleNamespace(legible=one) for one, _ in zip(self._legible, cuts, strict=True)]


def test_a_place_is_as_sure_as_both_looks_and_both_readers_together():
    detector = found([(0.9, PLATE), (0.8, SIGN)])
    readers = SaysLegible(0.9, 0.5), SaysLegible(0.5, 0.1)
    confirmed = recall.Confirmed(detector, Closer(0.6, 0.8), readers)
    [[plate, sign]] = confirmed.find([EMPTY])
    looks = (log_odds(0.9) + log_odds(0.6)) / 2, log_odds(0.8)
    legible = log_odds(0.9) / 2, log_odds(0.1) / 2
    for one, look, said, quad in zip((plate, sign), looks, legible, (PLATE, SIGN), strict=True):
        assert log_odds(one.score) == pytest.approx(look + said, abs=1e-3)
        assert one.quad.tolist() == (quad + 1).tolist()


def test_a_patch_without_a_place_has_none_to_confirm():
    assert recall.Confirmed(found([]), Closer(), (SaysLegible(), SaysLegible())).find([EMPTY]) == [
        []
    ]


class ReadsAt:
    """An engine that gives readings at the places set for each patch."""

    def __init__(self, *patches):
        self._patches = list(patches)

    def read(self, frame):
        return [
            SimpleNamespace(box=Box(*quad[0].astype(int), *np.ptp(quad, axis=0).astype(int)))
            for quad in self._patches.pop(0)
        ]


def test_an_engine_is_counted_by_the_places_of_its_readings():
    patches = [
        Patch(EMPTY, [PLATE], [NARROW]), Patch(EMPTY, [PLATE, SIGN], []), Patch(EMPTY, [PLATE], []), Patch(EMPTY, [], []),
    ]  # fmt: skip
    aside = PLATE + np.float32([30, 0])
    engine = ReadsAt([PLATE + 2, NARROW], [PLATE], [aside], [SIGN])
    assert recall.counted_reads(engine, patches) == recall.CountedReads(
        legible=4, read=0.5, wrong=0.2
    )


def test_a_run_is_counted_as_the_network_exported_from_it(tmp_path):
    run = "training/runs/2026-11-29-detector-long/last"
    shipped = "services/recognition/models/second_detector.onnx"
    done = subprocess.run(
        [sys.executable, "-m", "training.recall", run, shipped,
         "--count", "16", "--scenes", "2", "--cache", str(tmp_path), "--confirmed", "--engine"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trained, sure, exported, _, engine = (json.loads(line) for line in done.stdout.splitlines())
    assert (trained.pop("network"), exported.pop("network")) == (run, shipped)
    assert (sure["network"], sure["confirmed"], sure["legible"]) == (run, True, trained["legible"])
    assert sure["recall"] >= trained["recall"]
    assert trained == exported
    assert trained["legible"] > 0
    assert trained["recall_at_half"] > 0.5
    assert engine["engine"].startswith("plateward-")
    assert engine["legible"] == trained["legible"]
    assert 0 < engine["read"] <= trained["recall_at_half"]
    assert engine["wrong"] < 0.2
