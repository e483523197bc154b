"""Which lines PaddleOCR's engine takes for plates, with set lines in place of PaddleOCR."""

import numpy as np
import pytest

from services.recognition.engine import paddle
from services.recognition.engine.plausibility import Glyph

LINE = np.array([[200, 100], [310, 100], [310, 140], [200, 140]], np.float32)
FRAME = np.full((360, 640, 3), 90, np.uint8)


class SetText:
    """Finds one line in the whole frame and none in a cut; each reading is the next text, at last the last one."""

    def __init__(self, *texts):
        self._texts = texts
        self.read_times = 0

    def detect(self, frame, longest_px):
        return [LINE] if frame.shape == FRAME.shape else []

    def read(self, frame, quad):
        text, confidence = self._texts[min(self.read_times, len(self._texts) - 1)]
        self.read_times += 1
        return tuple(Glyph(one, confidence, (i + 0.5) / len(text)) for i, one in enumerate(text))


@pytest.fixture
def read(monkeypatch):
    """Read a frame whose line has these texts; return the plates, and how often the line was read."""

    def plates(*texts, enclosed=True):
        text = SetText(*texts)
        monkeypatch.setattr(paddle, "PaddleText", lambda _: text)
        monkeypatch.setattr(paddle, "is_enclosed", lambda *_: enclosed)
        engine = paddle.load_paddle("ppocrv6-small", packs=("us",), longest_px=1280)
        return [one.plate for one in engine.read(FRAME)], text.read_times

    return plates


@pytest.mark.parametrize(
    ("plate", "confidence", "times"),
    [("7ABC123", 0.99, 1), ("7ABC123", 0.9, 2), ("77ABC123", 0.99, 2)],
    ids=["sure and issued", "less sure", "of no series"],
)
def test_only_a_sure_text_of_an_issued_series_is_enough_the_first_time(
    read, plate, confidence, times
):
    assert read((plate, confidence)) == ([plate], times)


@pytest.mark.parametrize("enclosed", [True, False])
def test_a_short_serial_needs_a_plate_around_it(read, enclosed):
    found, _ = read(("AB12", 0.9), enclosed=enclosed)
    assert found == (["AB12"] if enclosed else [])


def test_a_word_is_a_serial_if_one_reading_has_digits_unless_it_is_as_short_as_a_sign(read):
    assert read(("DOGSX", 0.7), ("D0GSX", 0.5), enclosed=False)[0] == ["DOGSX"]
    assert read(("DOGSX", 0.7), enclosed=True)[0] == []
    assert read(("DOGS", 0.7), ("D0GS", 0.5), enclosed=True)[0] == []
