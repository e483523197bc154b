import json

import numpy as np
import pytest

from tests.bench import agreement
from tests.bench.agreement import NoCheckpoints, checkpoints, rank_correlation


def checkpoint(folder, name, **figures):
    (folder / name).mkdir()
    (folder / name / "held-out.json").write_text(json.dumps({"run": name, "step": 1, **figures}))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [0.1, 0.2, 0.9, 5], 1),
        ([1, 2, 3, 4], [9, 7, 2, 1], -1),
        ([1, 2, 3, 4], [2, 1, 4, 3], 0.6),
        ([1, 2, 3, 4], [1, 3, 3, 5], 3 / np.sqrt(10)),
        ([1, 2, 2, 2], [1, 1, 1, 1], None),
    ],
)
def test_spearmans_correlation_compares_ranks_and_shares_those_of_ties(one, other, expected):
    found = rank_correlation(one, other)
    assert found == (expected if expected is None else pytest.approx(expected))


def test_checkpoints_rank_by_the_reader_read_exactly_or_by_the_detector_found(tmp_path):
    checkpoint(tmp_path, "a@1", exact=0.6, folded=0.7)
    checkpoint(tmp_path, "b@2", exact=0.5, folded=0.8)
    checkpoint(tmp_path, "c@3", recall=0.9, false_per_100=3)
    assert [(one.folder.name, one.held_out) for one in checkpoints(tmp_path)] == [
        ("a@1", 0.6), ("b@2", 0.5), ("c@3", 0.9)
    ]  # fmt: skip


def test_two_checkpoints_or_other_figures_make_no_ranking(tmp_path):
    checkpoint(tmp_path, "a@1", exact=0.6)
    checkpoint(tmp_path, "b@1", exact=0.6)
    with pytest.raises(NoCheckpoints, match=r"needs three checkpoints .* has 2"):
        checkpoints(tmp_path)
    checkpoint(tmp_path, "c@1", right=0.6)
    with pytest.raises(NoCheckpoints, match=r"c@1/held-out\.json has none of exact, recall"):
        checkpoints(tmp_path)


def test_each_checkpoint_reads_with_its_own_network_and_the_ranks_are_compared(
    tmp_path, monkeypatch
):
    seen = []
    for name, exact in (("a@1", 0.3), ("b@2", 0.5), ("c@3", 0.4)):
        checkpoint(tmp_path, name, exact=exact)
    read_by = {"a@1": (1, 3), "b@2": (3, 1), "c@3": (2, 2)}

    def made(model, instead):
        seen.append((model, instead.name))
        return type("Engine", (), {"read": None, "instead": instead.name})

    def shares_read(samples, read, minimum, fit, vary):
        photos = fit is None
        right = read_by[seen[-1][1]][0 if photos else 1]
        assert photos == (samples == ["photo"])
        return type("Tally", (), {"judged": right})

    monkeypatch.setattr(agreement.engines, "make_engine", made)
    monkeypatch.setattr(agreement, "measure", shares_read)
    monkeypatch.setattr(agreement, "shares", lambda judged: {"folded": judged / 4})
    monkeypatch.setattr(agreement, "photos", lambda *_: ["photo"])
    monkeypatch.setattr(agreement, "crops", lambda *_: ["crop"])

    line = agreement.run(agreement.options([str(tmp_path), "--photos", "p", "--crops", "c"]))
    assert seen == [("plateward", "a@1"), ("plateward", "b@2"), ("plateward", "c@3")]
    assert line["correlation"] == {"photos": 1.0, "crops": -1.0}
    assert line["n"] == 3
    assert line["checkpoints"][0] == {
        "checkpoint": "a@1", "held_out": 0.3, "photos": 0.25, "crops": 0.75
    }  # fmt: skip
