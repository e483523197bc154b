import numpy as np
import pytest

from services.recognition.engine.plausibility import (
    Glyph,
    Objection,
    Outcome,
    Support,
    TextLine,
    could_hold_a_plate,
    distinct,
    has_state_beside,
    joined,
    objection,
    outcome,
    support_needed,
    without_words,
)
from services.recognition.engine.protocol import Box, Character, PlateReading

pytestmark = pytest.mark.clause("468.4(c)/readings")

LENGTHS = range(2, 9)


def rectangle(x, y, w, h):
    return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)


def line(text, quad=None, confidence=0.9):
    """Return a line as an engine reads it; by default with the size of a plate's serial."""
    count = max(len(text), 1)
    glyphs = tuple(Glyph(one, confidence, (i + 0.5) / count) for i, one in enumerate(text))
    return TextLine(glyphs, rectangle(100, 100, 13 * count, 30) if quad is None else quad)


@pytest.mark.parametrize(
    "text",
    ["7ABC123", "EMR 7094", "CGT-2069", "SK2·W6K", "CDL+4461", "8S16841", "L78 1601", "SGT-E5",
     "A.JK-7551", "7x★317a"],
)  # fmt: skip
def test_serials_with_any_separator_are_plausible(text):
    assert objection(line(text), LENGTHS) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2014-06-17 09:37:18", Objection.LENGTH),
        ("09:37:18", Objection.CLOCK),
        ("09:37", Objection.CLOCK),
        ("2014-04-2", Objection.CLOCK),
        ("12/05/26", Objection.CLOCK),
        ("555-0142", Objection.PHONE),
        ("(213)064", Objection.PHONE),
        ("1-800-55", Objection.PHONE),
        ("EXIT 21B", Objection.WORD),
        ("USDOT 28", Objection.WORD),
        ("42ND AVE", Objection.WORD),
        ("TEXAS", Objection.WORD),
        ("Califrnia", Objection.LENGTH),
        ("MONTNA", Objection.WORD),
        ("5Auchen", Objection.SMALL_LETTERS),
        ("7ab123", Objection.SMALL_LETTERS),
        ("做面定A12", Objection.FOREIGN),
        ("做面A123", Objection.FOREIGN),
        ("SPEED LIMIT 35", Objection.LENGTH),
        ("···", Objection.LENGTH),
    ],
)
def test_text_of_roads_and_overlays_is_rejected_with_a_named_objection(text, why):
    assert objection(line(text), LENGTHS) is why


def test_a_badge_in_wide_letters_is_rejected_by_its_spacing():
    assert objection(line("G5300", rectangle(0, 0, 95, 17)), LENGTHS) is Objection.SPACING


def test_texture_that_was_read_as_text_is_rejected():
    assert objection(line("1I4Z7O", confidence=0.2), LENGTHS) is Objection.TEXTURE


def test_a_rectangle_that_is_too_small_or_too_tilted_is_not_read():
    assert could_hold_a_plate(rectangle(0, 0, 60, 12), LENGTHS[-1]) is Objection.TOO_SMALL
    assert could_hold_a_plate(rectangle(0, 0, 20, 60), LENGTHS[-1]) is Objection.TOO_SMALL
    assert could_hold_a_plate(rectangle(0, 0, 300, 20), LENGTHS[-1]) is Objection.SPACING
    leaning = np.array([[0, 100], [70, 40], [85, 60], [15, 120]], np.float32)
    assert could_hold_a_plate(leaning, LENGTHS[-1]) is Objection.TILTED
    assert could_hold_a_plate(rectangle(0, 0, 66, 30), LENGTHS[-1]) is None


@pytest.mark.parametrize(
    ("plate", "needed"),
    [
        ("7ABC123", Support.NONE),
        ("YBW23", Support.NONE),
        ("1365847", Support.ANY),
        ("ES350", Support.ANY),
        ("AB12", Support.ANY),
        ("7A1", Support.STATE),
        ("2014", Support.STATE),
        ("30", Support.STATE),
        ("TOYOTA", Support.STATE),
    ],
)
def test_ambiguous_text_needs_support(plate, needed):
    assert support_needed(plate) is needed


def test_a_state_over_or_under_the_serial_supports_it():
    serial = line("DRIFTER", rectangle(100, 100, 90, 30))
    over = line("TEXAS", rectangle(120, 78, 50, 14))
    under = line("TEXAS", rectangle(120, 140, 50, 14))
    assert has_state_beside(serial, [serial, over])
    assert has_state_beside(serial, [serial, under])


@pytest.mark.parametrize(
    "other",
    [
        line("TEXAS", rectangle(120, 110, 50, 10)),
        line("TEXAS", rectangle(120, 170, 50, 14)),
        line("TEXAS", rectangle(160, 78, 50, 14)),
        line("TEXAS", rectangle(80, 76, 130, 14)),
        line("DALLAS", rectangle(120, 78, 50, 14)),
    ],
    ids=["on the serial", "far below", "beside", "wider than the plate", "another name"],
)
def test_a_state_elsewhere_or_another_word_does_not(other):
    serial = line("DRIFTER", rectangle(100, 100, 90, 30))
    assert not has_state_beside(serial, [serial, other])


def test_original_text_is_kept_and_no_character_is_rewritten():
    read = line("So-0I8·b")
    assert (read.text, read.plate) == ("So-0I8·b", "SO0I8B")
    assert line("７ＡＢ１").plate == "7AB1", "full-width forms are the same characters"


def test_the_lowest_character_is_the_confidence_of_a_line_and_separators_do_not_count():
    glyphs = (Glyph("7", 0.9, 0.1), Glyph("-", 0.1, 0.4), Glyph("A", 0.5, 0.6))
    assert TextLine(glyphs, rectangle(0, 0, 60, 30)).confidence == 0.5


def test_a_state_name_in_the_line_is_cut_off_with_its_part_of_the_region():
    cut = without_words(line("TEXAS ABC1234", rectangle(0, 0, 130, 30)))
    assert cut.text == "ABC1234"
    assert cut.quad[:, 0].min() == pytest.approx(60, abs=6)
    assert cut.quad[:, 0].max() == 130
    assert all(0 <= glyph.place <= 1 for glyph in cut.glyphs)


def test_a_line_without_known_words_or_of_known_words_alone_is_left_as_it_is():
    for text in ("ABC 1234", "TEXAS", "NOTICE TEXAS", ""):
        read = line(text)
        assert without_words(read) is read


def test_adjacent_halves_of_a_plate_are_joined_in_reading_order():
    left = line("CGT", rectangle(100, 100, 40, 30))
    right = line("2069", rectangle(155, 102, 55, 30))
    [whole] = joined([right, left], LENGTHS)
    assert whole.plate == "CGT2069"
    assert whole.quad.tolist() == [[100, 100], [210, 102], [210, 132], [100, 130]]
    places = [glyph.place for glyph in whole.glyphs]
    assert places == sorted(places)


def test_overlapping_halves_of_a_plate_are_joined_into_one_box():
    left = line("DH7", rectangle(100, 100, 45, 30))
    right = line("7X317", rectangle(132, 100, 75, 32))
    [whole] = joined([left, right], LENGTHS)
    assert whole.quad.tolist() == [[100, 100], [207, 100], [207, 132], [100, 130]]


@pytest.mark.parametrize(
    "other",
    [
        line("206", rectangle(240, 100, 55, 30)),
        line("206", rectangle(115, 100, 55, 30)),
        line("206", rectangle(155, 130, 55, 30)),
        line("206", rectangle(155, 92, 80, 46)),
        line("206", rectangle(155, 105, 40, 20)),
        line("OHIO", rectangle(155, 100, 55, 30)),
        line("EXIT", rectangle(155, 100, 55, 30)),
        line("20694", rectangle(155, 100, 55, 30)),
        line("-", rectangle(155, 100, 15, 30)),
    ],
    ids=[
        "too far",
        "more than a character in both",
        "another line",
        "higher",
        "lower",
        "a state",
        "a word of signs",
        "nine characters together",
        "none of it",
    ],
)
def test_lines_that_are_not_halves_of_one_serial_stay_apart(other):
    half = line("CGTX", rectangle(100, 100, 40, 30))
    assert joined([half, other], LENGTHS) == []
    assert joined([half, line("206", rectangle(155, 100, 55, 30))], LENGTHS) != []


def test_a_whole_serial_is_no_half_of_a_longer_one():
    whole = line("CGTX20", rectangle(100, 100, 80, 30))
    assert joined([whole, line("69", rectangle(190, 100, 30, 30))], LENGTHS) == []


def test_stickers_on_a_plate_are_dropped_and_a_second_car_is_kept():
    serial = rectangle(100, 100, 90, 30)
    sticker = rectangle(150, 91, 25, 14)
    second_car = rectangle(400, 110, 60, 20)
    half_outside, mostly_outside = rectangle(150, 80, 25, 20), rectangle(150, 75, 25, 20)
    assert sorted(distinct([sticker, serial, second_car, half_outside])) == [1, 2]
    assert sorted(distinct([serial, mostly_outside])) == [0, 1]


def reading(confidence):
    return PlateReading(
        tuple(Character(text, confidence) for text in "7ABC123"),
        "7ABC123",
        ((0, 0), (1, 0), (1, 1), (0, 1)),
        Box(0, 0, 1, 1),
        Box(0, 0, 1, 1),
    )


def test_the_outcome_distinguishes_no_plate_from_an_unreadable_plate():
    assert outcome([], 0.35) is Outcome.NO_PLATE
    assert outcome([reading(0.2)], 0.35) is Outcome.UNREADABLE
    assert outcome([reading(0.2), reading(0.35)], 0.35) is Outcome.PLATES
