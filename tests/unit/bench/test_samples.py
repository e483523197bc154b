import numpy as np
import pytest

from local.demo.truth import TruthFault
from services.recognition.engine.framing import framed
from tests.bench.samples import crops, photos


@pytest.fixture
def folder(tmp_path):
    for place in range(9):
        (tmp_path / f"{place}.jpg").write_bytes(b"-")
    return tmp_path


def test_photos_are_listed_by_name_with_their_plates(folder):
    (folder / "truth.csv").write_text(
        "file,x,y,w,h,plate\n1.jpg,1,2,3,4,AB1\n0.jpg,5,6,7,8,AB2\n1.jpg,9,9,9,9,AB3\n"
    )
    found = photos(folder, None)
    assert [(s.path.name, [t.plate for t in s.plates]) for s in found] == [
        ("0.jpg", ["AB2"]),
        ("1.jpg", ["AB1", "AB3"]),
    ]


def test_crops_come_with_their_state_and_unreadable_ones_are_left_out(folder):
    (folder / "truth.csv").write_text(
        "file,state,plate\n0.jpg,ca,7abc 123\n1.jpg,,AB1\n2.jpg,NV,-\n"
    )
    found = crops(folder, None)
    assert [(s.path.name, s.plates[0].state, s.plates[0].plate) for s in found] == [
        ("0.jpg", "CA", "7abc 123"),
        ("1.jpg", None, "AB1"),
    ]


def test_a_subset_is_drawn_reproducibly(folder):
    rows = "".join(f"{place}.jpg,CA,AB{place}\n" for place in range(9))
    (folder / "truth.csv").write_text("file,state,plate\n" + rows)
    drawn = [[s.path.name for s in crops(folder, 4)] for _ in range(2)]
    assert drawn[0] == drawn[1] == sorted(set(drawn[0]))
    assert len(drawn[0]) == 4
    assert len(crops(folder, 100)) == 9


@pytest.mark.parametrize(
    ("truth", "named"),
    [
        (None, "holds no truth.csv"),
        ("file,plate\n0.jpg,AB1\n", "no column state"),
        ("file,state,plate\n", "names no plate"),
        ("file,state,plate\ngone.jpg,CA,AB1\n", "1 files that are not there: gone.jpg"),
    ],
)
def test_a_folder_of_crops_that_cannot_be_used_is_named(folder, truth, named):
    if truth is not None:
        (folder / "truth.csv").write_text(truth)
    with pytest.raises(TruthFault, match=named):
        crops(folder, None)


@pytest.mark.parametrize(
    ("size", "inside"), [((80, 40), (80, 40)), ((1280, 600), (320, 150)), ((90, 900), (19, 192))]
)
@pytest.mark.parametrize("grey", [20, 230])
def test_a_crop_is_whole_and_centred_on_a_contrasting_frame(size, inside, grey):
    crop = np.full((size[1], size[0], 3), grey, np.uint8)
    frame, (x, y, w, h) = framed(crop)
    assert frame.shape == (384, 640, 3)
    assert (w, h) == inside
    assert abs(2 * x + w - 640) <= 1
    assert abs(2 * y + h - 384) <= 1
    assert (frame[y : y + h, x : x + w] == grey).all()
    assert abs(int(frame[0, 0, 0]) - grey) > 100
    assert np.count_nonzero(frame[:, :, 0] != frame[0, 0, 0]) == w * h
