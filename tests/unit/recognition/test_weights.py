import os
import tempfile
import time
from pathlib import Path

import pytest

from services.recognition.engine.weights import NoSuchModel, find_pair, staged, sweep


@pytest.mark.parametrize("name", ["ppocrv6-small", "ppocrv6-tiny"])
def test_pairs_of_the_wheel_are_found_and_named_as_paddleocr_knows_them(name):
    pair = find_pair(name)
    size = name.removeprefix("ppocrv6-")
    assert pair.name == name
    assert pair.detector.name == f"PP-OCRv6_{size}_det"
    assert pair.recogniser.name == f"PP-OCRv6_{size}_rec"


def a_pair(folder, weights=b"weights"):
    for part in ("det", "rec"):
        (folder / part).mkdir(parents=True)
        (folder / part / f"{part}.onnx").write_bytes(weights)
        (folder / part / "inference.yml").write_text(f"Global: {{model_name: my_{part}}}")
    return folder


def test_a_folder_of_the_same_layout_can_be_chosen(tmp_path):
    pair = find_pair(str(a_pair(tmp_path / "mine")))
    assert (pair.name, pair.detector.name) == ("mine", "my_det")


def test_the_digest_changes_with_any_weight(tmp_path):
    one = find_pair(str(a_pair(tmp_path / "one")))
    same = find_pair(str(a_pair(tmp_path / "same")))
    other = find_pair(str(a_pair(tmp_path / "other", b"Weights")))
    assert one.digest == same.digest != other.digest
    assert len(one.digest) == 64


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NoSuchModel, match="det"):
        find_pair(str(tmp_path))


def test_a_part_is_staged_under_the_names_that_paddleocr_expects_and_then_removed(tmp_path):
    pair = find_pair(str(a_pair(tmp_path / "mine")))
    with staged(pair.recogniser) as folder:
        assert (Path(folder) / "inference.onnx").read_bytes() == b"weights"
        assert (Path(folder) / "inference.yml").is_file()
    assert not Path(folder).exists()


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
