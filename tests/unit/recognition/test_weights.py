from pathlib import Path

import pytest

from services.recognition.engine.weights import NoSuchModel, find_pair, staged


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


@pytest.mark.parametrize(
    "changed", ["det/det.onnx", "det/inference.yml", "rec/rec.onnx", "rec/inference.yml"]
)
def test_the_digest_covers_each_file_of_a_pair(tmp_path, changed):
    folder = a_pair(tmp_path / "mine")
    before = find_pair(str(folder)).digest
    (folder / changed).write_text((folder / changed).read_text() + " ")
    assert find_pair(str(folder)).digest != before


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NoSuchModel, match="det"):
        find_pair(str(tmp_path))


def test_a_folder_of_two_weights_for_one_part_is_refused(tmp_path):
    folder = a_pair(tmp_path / "mine")
    (folder / "rec" / "older.onnx").write_bytes(b"older")
    with pytest.raises(NoSuchModel, match=r"rec holds no single \.onnx file"):
        find_pair(str(folder))


def test_a_part_is_staged_under_the_names_that_paddleocr_expects_and_then_removed(tmp_path):
    pair = find_pair(str(a_pair(tmp_path / "mine")))
    with staged(pair.recogniser) as folder:
        assert (Path(folder) / "inference.onnx").read_bytes() == b"weights"
        assert (Path(folder) / "inference.yml").is_file()
    assert not Path(folder).exists()
