"""Committed states of runs are exported with figures on the same held-out pictures."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from training import checkpoints, saved
from training.checkpoints import HELD_OUT, Committed, committed, write
from training.saved import NAME, Saved

pytestmark = [  # about the exporter that we ask for, and about shapes that it accepts as they are
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]

ROOT = Path(__file__).parents[2]


def git(root, *arguments):
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(root), *names, *arguments], check=True, capture_output=True)


def state(root, run, step):
    folder = root / "training/runs" / run
    folder.mkdir(parents=True, exist_ok=True)
    saved.write(folder, Saved({"a": np.full((2, 2), step, np.float32)}, step, 1))


def commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "state")


@pytest.fixture
def repository(tmp_path):
    """Return one with two runs of the reader, of three states, and one of the detector."""
    git(tmp_path, "init", "-q")
    for run, step in (("2-reader-b", 5), ("1-reader-a", 4), ("1-detector", 3), ("2-reader-b", 9)):
        state(tmp_path, run, step)
        commit(tmp_path)
    state(tmp_path, "2-reader-b", 11)
    return tmp_path


def test_every_committed_state_of_a_network_is_found_run_by_run(repository):
    states = list(committed(repository, "reader"))
    assert [one.name for one in states] == ["1-reader-a@4", "2-reader-b@5", "2-reader-b@9"]
    read = [saved.unpacked(one.data, "last").weights["a"][0, 0] for one in states]
    assert read == [4, 5, 9]
    assert [one.name for one in committed(repository, "detector")] == ["1-detector@3"]


def test_a_state_is_exported_once_and_written_with_its_figures(tmp_path, capsys):
    exported = []

    def export(last, target, version):
        assert last.name == NAME
        exported.append((last.read_bytes(), version))
        target.write_bytes(b"network")
        return {"exact": 0.5}

    states = [Committed("a", 1, b"one"), Committed("a", 2, b"two")]
    write("reader", iter(states[:1]), tmp_path, export)
    write("reader", iter(states), tmp_path, export)
    assert exported == [(b"one", "a@1"), (b"two", "a@2")]
    assert (tmp_path / "a@2/reader.onnx").read_bytes() == b"network"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"run": "a", "step": step, "exact": 0.5} for step in (1, 2)]
    assert json.loads((tmp_path / "a@1" / HELD_OUT).read_text()) == lines[0]


def test_a_state_that_was_cut_short_is_exported_again(tmp_path):
    def cut(last, target, version):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    def whole(last, target, version):
        target.write_bytes(b"whole")
        return {"exact": 0.5}

    states = [Committed("a", 1, b"one")]
    with pytest.raises(KeyboardInterrupt):
        write("reader", iter(states), tmp_path, cut)
    write("reader", iter(states), tmp_path, whole)
    assert (tmp_path / "a@1/reader.onnx").read_bytes() == b"whole"


def test_a_reader_and_a_detector_are_exported_with_figures_of_the_held_out_pictures(tmp_path):
    runs = ROOT / "training/runs"
    last = runs / "2026-12-02-reader-tenfold" / NAME
    figures = checkpoints.Readers(64)(last, tmp_path / "reader.onnx", "a@1")
    assert 0.4 < figures["exact"] <= figures["folded"] <= 1
    session = onnxruntime.InferenceSession(tmp_path / "reader.onnx")
    assert session.get_modelmeta().custom_metadata_map["version"] == "a@1"
    assert float(session.get_modelmeta().custom_metadata_map["temperature"]) != 1

    last = runs / "2026-12-02-detector-tenfold" / NAME
    export = checkpoints.Detectors(16, tmp_path / "cache", None, scenes=2)
    figures = export(last, tmp_path / "detector.onnx", "b@2")
    assert figures["recall"] > 0.5
    session = onnxruntime.InferenceSession(tmp_path / "detector.onnx")
    assert session.get_modelmeta().custom_metadata_map["version"] == "b@2"


def test_the_command_exports_into_the_folder_that_it_names(tmp_path):
    git_folder = tmp_path / "clone"
    shutil.copytree(
        ROOT / "training", git_folder / "training", ignore=shutil.ignore_patterns("runs")
    )
    for name in ("scenes", "services", "shared"):
        (git_folder / name).symlink_to(ROOT / name)
    run = git_folder / "training/runs/1-detector"
    run.mkdir(parents=True)
    shutil.copy(ROOT / "training/runs/2026-12-02-detector-tenfold" / NAME, run)
    git(git_folder, "init", "-q")
    commit(git_folder)
    done = subprocess.run(
        [sys.executable, "-m", "training.checkpoints", "detector", str(tmp_path / "out"),
         "--pictures", "8", "--scenes", "2", "--cache", str(tmp_path / "cache")],
        cwd=git_folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["run"], line["step"]) == ("1-detector", 15000)
    assert (tmp_path / "out/1-detector@15000/detector.onnx").is_file()
