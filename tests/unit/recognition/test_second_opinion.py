"""PaddleOCR asked about one plate of a drawn frame."""

import tempfile

import numpy as np
import pytest

from services.recognition.engine.plausibility import Glyph
from services.recognition.engine.second_opinion import PaddleOpinion
from services.recognition.engine.weights import NoSuchModel
from shared.core.region_packs import regions_of
from tests.unit.recognition.drawing import draw_plate, street

PLATE = np.array([[200, 330], [350, 330], [350, 405], [200, 405]], np.float32)
LINE = np.array([[208, 350], [342, 350], [342, 388], [208, 388]], np.float32)


@pytest.fixture(scope="module")
def opinion():
    return PaddleOpinion("ppocrv6-small", regions_of(("us",)))


def test_the_second_opinion_reads_the_serial_and_not_the_state(opinion):
    frame = street()
    draw_plate(frame, "7KLM294", 200, 330)
    looks = opinion.readings(frame, PLATE, LINE)
    assert "7KLM294" in [look.plate for look in looks]
    assert all("TEXAS" not in look.plate for look in looks)
    for look in looks:
        assert np.abs(look.quad.mean(axis=0) - LINE.mean(axis=0)).max() < 15


class FixedText:
    """PaddleOCR that sees the serial, a smaller name and an emblem that is no line, and reads each by its height."""

    def detect(self, frame, longest_px):
        return [
            np.array([[20, 2], [120, 2], [120, 18], [20, 18]], np.float32),
            np.array([[10, 30], [170, 30], [170, 78], [10, 78]], np.float32),
            np.array([[5, 0], [95, 0], [95, 95], [5, 95]], np.float32),
        ]

    def read(self, frame, quad):
        height = np.ptp(quad[:, 1])
        text = "5ABC678" if height <= 30 else "7KLM294" if height < 80 else "8EMB123"
        return tuple(Glyph(one, 0.9, (i + 0.5) / len(text)) for i, one in enumerate(text))


def test_of_the_lines_of_a_plate_the_largest_is_its_serial():
    opinion = PaddleOpinion("ppocrv6-small", regions_of(("us",)))
    opinion._text = FixedText()
    assert [look.plate for look in opinion.readings(street(), PLATE, LINE)] == ["7KLM294"] * 2


def test_a_second_opinion_on_an_empty_plate_has_no_readings(opinion):
    assert opinion.readings(street(), PLATE, LINE) == []


def test_weights_are_located_at_start_and_loaded_on_request(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(NoSuchModel):
        PaddleOpinion(str(tmp_path), regions_of(("us",)))
    opinion = PaddleOpinion("ppocrv6-small", regions_of(("us",)))
    assert opinion._text is None
    opinion.load()
    assert opinion._text is not None
    assert list(tmp_path.iterdir()) == [], "PaddleOCR unpickles what is in its cache"
