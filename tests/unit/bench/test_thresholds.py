import pytest

from services.recognition.engine import plateward
from tests.bench import thresholds
from tests.bench.thresholds import THRESHOLDS, Threshold, best, options, read_with, rows

SURE = Threshold("SURE_AGAIN", (0.4, plateward.SURE_AGAIN, 0.9), plateward)
MINIMUM = Threshold("recognition_min_confidence", (0.1,))


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda one: one.name)
def test_each_threshold_is_one_that_the_engine_has(threshold):
    assert threshold.as_set > 0
    assert set(threshold.values) - {threshold.as_set}


@pytest.fixture
def read(monkeypatch):
    """Give the settings, the constant and the minimum with which the engine read, in turn."""
    seen = []

    def chosen(settings, packs):
        assert packs == ("us",)
        seen.append([settings.recognition_min_confidence])
        return lambda: type("Engine", (), {"read": None})

    def measured(samples, read, minimum):
        seen[-1] += [minimum, plateward.SURE_AGAIN, samples]

    monkeypatch.setattr(thresholds, "chosen_engine", chosen)
    monkeypatch.setattr(thresholds, "measure", measured)
    monkeypatch.setattr(
        thresholds,
        "figures",
        lambda _: {"folded": 0.7, "no_read": 0.2, "ece": 0.03, "extra_reads": 4},
    )
    return seen


def test_an_engine_reads_with_another_value_of_a_setting_or_of_a_constant(read):
    usual = plateward.SURE_AGAIN
    row = read_with(SURE, 0.9, ["photo"])
    read_with(MINIMUM, 0.1, ["photo"])
    assert read == [[0.3, 0.3, 0.9, ["photo"]], [0.1, 0.1, usual, ["photo"]]]
    assert row == {
        "threshold": "SURE_AGAIN", "value": 0.9, "right": 0.7, "no_read": 0.2, "wrong": 0.1,
        "points": 0.6, "ece": 0.03, "extra_reads": 4,
    }  # fmt: skip
    assert usual == plateward.SURE_AGAIN


def test_the_engine_reads_once_as_it_is_and_once_with_each_other_value(read):
    found = list(rows([SURE, MINIMUM], []))
    assert [(row["threshold"], row["value"]) for row in found] == [
        ("as set", None), ("SURE_AGAIN", 0.4), ("SURE_AGAIN", 0.9),
        ("recognition_min_confidence", 0.1),
    ]  # fmt: skip
    assert read[0] == [0.3, 0.3, plateward.SURE_AGAIN, []]


def row(threshold, value, points):
    return {"threshold": threshold, "value": value, "points": points}


def test_a_thresholds_best_value_has_the_most_points_and_a_tie_stays_as_it_is():
    found = [
        row("as set", None, 0.5), row("SURE_AGAIN", 0.4, 0.4), row("SURE_AGAIN", 0.9, 0.6),
        row("recognition_min_confidence", 0.1, 0.5),
    ]  # fmt: skip
    assert best([SURE, MINIMUM], found) == {
        "SURE_AGAIN": {"as_set": plateward.SURE_AGAIN, "best": 0.9},
        "recognition_min_confidence": {"as_set": 0.3, "best": 0.3},
    }


def test_all_thresholds_are_measured_unless_some_are_named():
    assert options(["--photos", "p"]).only == [one.name for one in THRESHOLDS]
    assert options(["--photos", "p", "--only", "PROBABLE"]).only == ["PROBABLE"]
