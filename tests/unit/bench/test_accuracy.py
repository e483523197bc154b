from dataclasses import replace

import cv2
import numpy as np
import pytest

from local.demo.truth import TruePlate
from services.recognition.engine.decode import UndecodableImage
from services.recognition.engine.framing import framed
from tests.bench.accuracy import figures, load, measure, options, page
from tests.bench.samples import Sample, whole
from tests.bench.variation import varied
from tests.unit.bench.readings import reading

KEYS = ["n", "exact", "folded", "le1", "no_read", "ms_p50", "ms_p95", "ece"]


def picture(folder, name="a.png", *, size=(300, 200)):
    path = folder / name
    _, data = cv2.imencode(".png", np.full((size[1], size[0], 3), 200, np.uint8))
    path.write_bytes(data.tobytes())
    return path


def photo(folder, *plates):
    boxes = tuple(TruePlate(plate, (100 * n, 100, 40, 20)) for n, plate in enumerate(plates))
    return Sample(picture(folder), boxes)


def test_figures_count_reads_misses_and_extra_reads(tmp_path):
    found = [reading("7A8C123", 0.9, x=0), reading("0K", 0.8, x=100), reading("XX", 0.2, x=200)]
    sample = photo(tmp_path, "7ABC123", "OK", "XX", "YY")
    tally = measure([sample], lambda _: [*found, reading("SIGN", 0.6, y=0)], 0.35)
    line = figures(tally)
    assert list(line)[:8] == KEYS
    assert (line["n"], line["exact"], line["folded"]) == (4, 0, 0.25)
    assert (line["le1"], line["no_read"]) == (0.5, 0.5)
    assert (line["extra_reads"], line["extra_reads_per_frame"], line["frames"]) == (1, 1, 1)
    assert line["ece"] == pytest.approx((0.9 + 0.2) / 2)
    assert "state" not in line


def test_states_are_counted_where_the_truth_names_them(tmp_path):
    samples = [
        Sample(picture(tmp_path, f"{n}.png"), (TruePlate("AB1", (0, 0, 0, 0), state),))
        for n, state in enumerate(["CA", "NV", "OR", "WA"])
    ]
    regions = iter(["US-CA", "US-CA", "US-AZ", None, "US-WA"])  # the first is not counted

    def read(frame):
        height, width = frame.shape[:2]
        one = reading("AB1", x=width // 2 - 20, y=height // 2 - 10)
        return [replace(one, region=next(regions))]

    line = figures(measure(samples, read, 0.35, framed))
    assert (line["folded"], line["extra_reads"]) == (1, 0)
    assert (line["state"], line["state_named"]) == (0.5, 0.75)
    assert line["state_named_right"] == pytest.approx(2 / 3, abs=1e-4)


def test_each_variation_of_a_photo_counts_as_a_photo(tmp_path):
    sample = photo(tmp_path, "7ABC123")
    shown = []

    def read(frame):
        shown.append(frame)
        return [reading("7ABC123", 0.9, x=0)] if len(shown) % 2 else []

    line = figures(measure([sample], read, 0.35, vary=varied(4, as_at_a_road=False)))
    assert (line["n"], line["frames"], line["folded"], line["no_read"]) == (4, 4, 0.5, 0.5)
    assert len({frame.tobytes() for frame in shown[1:]}) == 4


def test_a_crop_may_be_read_unchanged(tmp_path):
    sample = Sample(picture(tmp_path, size=(80, 40)), (TruePlate("AB1", (0, 0, 0, 0)),))
    frame, placed, _ = load(sample, whole)
    assert frame.shape == (40, 80, 3)
    assert placed.plates[0].box == (0, 0, 80, 40)


def test_boxes_are_scaled_with_a_photo_that_is_reduced_while_decoding(tmp_path):
    sample = Sample(picture(tmp_path, size=(5200, 100)), (TruePlate("AB1", (1000, 20, 300, 60)),))
    frame, placed, _ = load(sample)
    assert frame.shape == (50, 2600, 3)
    assert placed.plates[0].box == (500, 10, 150, 30)


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"words")
    with pytest.raises(UndecodableImage, match=r"broken\.jpg: not a JPEG"):
        load(Sample(tmp_path / "broken.jpg", (TruePlate("AB1", (1, 1, 1, 1)),)))


def test_every_miss_and_every_extra_read_is_on_the_page(tmp_path):
    sample = photo(tmp_path, "7ABC123", "RIGHT1")
    found = [reading("7A8C123", x=0), reading("RIGHT1", x=100), reading("SIGN", y=0)]
    tally = measure([sample], lambda _: found, 0.35)
    page(tmp_path / "page.html", [sample], tally, figures(tally), None)
    html = (tmp_path / "page.html").read_text()
    assert "Misses: 1" in html
    assert "7A8C123" in html
    assert "Reads where no true plate is: 1" in html
    assert "SIGN" in html
    assert "RIGHT1" not in html


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--photos", "a", "--crops", "b"],
        ["--photos", "a", "--n", "0"],
        ["--photos", "a", "--reader-only"],
    ],
)
def test_invalid_command_line_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        options(arguments)
    assert "error:" in capsys.readouterr().err
