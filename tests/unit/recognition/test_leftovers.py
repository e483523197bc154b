"""What processes of recognition leave behind that are killed while they load."""

import os
import tempfile
import time
from pathlib import Path

from services.recognition.workers.leftovers import sweep
from services.recognition.workers.pool import WorkerPool
from tests.unit.recognition.engines import ScriptedEngine


def test_folders_of_killed_processes_are_deleted_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    now_s = time.time()
    ages = {
        "plateward-paddle-a": 3601, "plateward-model-a": 3601, "plateward-paddle-b": 3500,
        "plateward-model-b": 3500, "alpr-package-a": 9000,
    }  # fmt: skip
    for name, age_s in ages.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "inference.onnx").symlink_to(__file__)
        os.utime(tmp_path / name, (now_s - age_s, now_s - age_s))
    sweep(now_s)
    assert {path.name for path in tmp_path.iterdir()} == {
        "plateward-paddle-b", "plateward-model-b", "alpr-package-a",
    }  # fmt: skip
    assert Path(__file__).exists()


async def test_a_worker_deletes_them_when_it_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    left = tmp_path / "plateward-paddle-left"
    left.mkdir()
    os.utime(left, (0, 0))
    pool = WorkerPool(ScriptedEngine, workers=1)
    await pool.start()
    await pool.stop()
    assert not left.exists()
