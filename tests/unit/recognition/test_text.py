import numpy as np
import pytest

from services.recognition.engine.text import CharacterDecoder

ALPHABET = ["blank", "A", "B", "1", "-"]


def steps(*best):
    """Return one line of probabilities; each step is (class, probability)."""
    batch = np.zeros((1, len(best), len(ALPHABET)), np.float32)
    for i, (number, probability) in enumerate(best):
        batch[0, i] = (1 - probability) / (len(ALPHABET) - 1)
        batch[0, i, number] = probability
    return [batch]


def decoded(*best):
    [glyphs], _ = CharacterDecoder(ALPHABET)(steps(*best))
    return glyphs


def test_repeated_labels_are_one_character_unless_a_blank_separates_them():
    glyphs = decoded((1, 0.9), (1, 0.9), (0, 0.9), (1, 0.8), (2, 0.7))
    assert "".join(glyph.text for glyph in glyphs) == "AAB"


def test_each_character_keeps_its_probability_and_place():
    glyphs = decoded((0, 0.9), (3, 0.6), (0, 0.9), (4, 0.75))
    assert [glyph.text for glyph in glyphs] == ["1", "-"]
    assert [glyph.confidence for glyph in glyphs] == pytest.approx([0.6, 0.75])
    assert [glyph.place for glyph in glyphs] == [0.375, 0.875]


def test_a_line_of_blanks_has_no_characters():
    assert decoded((0, 0.9), (0, 0.9)) == []
