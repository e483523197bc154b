import numpy as np

from tests.bench.page import Card, Diagram, cut_out, reading_rows, write_page
from tests.bench.scoring import Bin
from tests.unit.bench.readings import reading


def test_a_page_is_self_contained_and_escapes_its_content(tmp_path):
    frame = np.full((200, 300, 3), 90, np.uint8)
    card = Card("<a>.jpg", cut_out(frame, (280, 190, 60, 30)), reading_rows(reading("7AB<1")))
    page = tmp_path / "deep" / "page.html"
    diagrams = [Diagram("Plates", (Bin(3, 0.9, 0.5), Bin(1, 1.0, 1.0))), Diagram("None", ())]
    write_page(page, "Title", {"n": 1}, {"Misses": [card], "Extra": []}, diagrams)
    html = page.read_text()
    assert 'src="data:image/jpeg;base64,' in html
    assert "http" not in html.replace("data:image", "")
    assert "&lt;a&gt;.jpg" in html
    assert "7AB&lt;1" in html
    assert "Misses: 1" in html
    assert "expected calibration error 0.3000" in html


def test_a_box_outside_its_frame_has_no_picture():
    assert cut_out(np.zeros((20, 20, 3), np.uint8), (500, 500, 10, 10)) == ""


def test_a_plate_that_was_not_read_says_so():
    assert reading_rows(None) == (("read", "nothing"),)
