"""One language for plates: the alphabet, the limit, patterns."""

import string
import sys
import unicodedata

import pytest

from shared.core.plates import (
    PlatePattern,
    normalise_plate,
    plate_characters,
)


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("7abc123", "7ABC123"),
        (" 7AB-C\t123 ", "7ABC123"),
        ("7AB/C.1\N{MIDDLE DOT}2\N{BULLET}3", "7ABC123"),
        ("SH\N{BLACK HEART SUIT}\N{VARIATION SELECTOR-16}RT", "SHRT"),
        ("\uff17\uff21\uff42\uff23\u3000\uff11\uff12\uff13", "7ABC123"),
        ("7AB\N{ZERO WIDTH SPACE}C\N{SOFT HYPHEN}123", "7ABC123"),
        ("O0OI1", "O0OI1"),
    ],
)
def test_a_plate_is_normalised_without_changing_characters(text, plate):
    assert normalise_plate(text) == plate
    assert PlatePattern.parse(text).text == plate


@pytest.mark.parametrize("text", ["", "  ", "---", "ABCDEFGHIJKLM"])
def test_a_plate_of_no_or_too_many_characters_is_refused(text):
    with pytest.raises(ValueError, match="1 to 12"):
        normalise_plate(text)
    with pytest.raises(ValueError, match="1 to 12"):
        PlatePattern.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "\N{LATIN SMALL LETTER SHARP S}7",
        "\N{LATIN SMALL LIGATURE FI}7A",
        "\N{LATIN SMALL LETTER DOTLESS I}7A",
        "\N{LATIN SMALL LETTER LONG S}7A",
        "\N{KELVIN SIGN}7A",
        "A\N{COMBINING DIAERESIS}B1",
        "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}B1",
        "7A\N{TRADE MARK SIGN}",
        "7A\N{SUPERSCRIPT TWO}",
        "7A\N{CIRCLED DIGIT ONE}",
        "\N{CYRILLIC CAPITAL LETTER A}7B",
        "\N{ARABIC-INDIC DIGIT SEVEN}AB",
        "7AB_1",
        "7AB%",
        "7AB#1",
        "7AB@1",
        "7ABC-12$",
        "7AB!1",
        "7AB|1",
        "7AB\uff041",
    ],
)
def test_another_letter_digit_or_notation_is_refused_and_never_rewritten(text):
    with pytest.raises(ValueError, match="letters A-Z"):
        normalise_plate(text)
    with pytest.raises(ValueError, match="letters A-Z"):
        PlatePattern.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "1.2E+11",
        "1,2e+11",
        "1E+05",
        "1.23E-45",
        ' ="1.2E+11"',
        "\uff11.\uff12E+\uff11\uff11",
        "1234567.0",
        "1234567.00",
    ],
)
def test_a_plate_that_a_spreadsheet_made_a_number_is_refused_and_never_another_plate(text):
    with pytest.raises(ValueError, match="a number as a spreadsheet"):
        normalise_plate(text)
    with pytest.raises(ValueError, match="a number as a spreadsheet"):
        PlatePattern.parse(text)


@pytest.mark.parametrize(
    ("text", "plate"),
    [("12E10", "12E10"), ("1E-05", "1E05"), ("12.345.67", "1234567"), ("1234.5", "12345")],
)
def test_a_plate_with_separators_is_no_number(text, plate):
    assert normalise_plate(text) == plate


def test_only_the_alphabet_digits_and_their_full_width_forms_are_plate_characters():
    kept = {}
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in {"Cn", "Co"}:
            continue  # most of them: not assigned, or for private use
        try:
            kept[chr(code)] = normalise_plate(f"Q{chr(code)}")[1:]
        except ValueError:
            continue
    letters = {character: plate for character, plate in kept.items() if plate}
    wide = {chr(ord(c) + 0xFEE0): c.upper() for c in string.ascii_letters + string.digits}
    assert letters == {c: c.upper() for c in string.ascii_letters + string.digits} | wide
    assert not any(character.isalnum() for character in kept.keys() - letters.keys())


@pytest.mark.parametrize("text", ["7AB?", "*", "7AB\uff0a", "7AB\uff1f"])
def test_a_plate_with_unknown_characters_is_not_a_whole_plate(text):
    with pytest.raises(ValueError, match="unknown"):
        normalise_plate(text)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("7AB/C*", "7ABC*"),
        (" 7ab-?1** ", "7AB?1*"),
        ("*12", "*12"),
        ("7AB\uff0a\uff1f", "7AB*?"),
        ("ABCDEFGHIJKL*", "ABCDEFGHIJKL*"),
        ("7???????????", "7???????????"),
    ],
)
def test_a_pattern_is_parsed_from_common_spellings(text, pattern):
    parsed = PlatePattern.parse(text)
    assert parsed.text == pattern
    assert PlatePattern.parse(parsed.text) == parsed


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("7ABC1????????", "1 to 12 characters, known or not, not 13"),
        ("ABCDEFGHIJKL?", "1 to 12 characters, known or not, not 13"),
        ("*", "at least one character"),
        ("??", "at least one character"),
    ],
)
def test_a_pattern_over_twelve_characters_or_without_a_known_one_is_refused(text, fault):
    with pytest.raises(ValueError, match=fault):
        PlatePattern.parse(text)


def test_a_pattern_reports_whether_it_is_exact_and_how_much_is_known():
    assert PlatePattern.parse("7ABC123").exact
    assert not PlatePattern.parse("7ABC123", lookalike=True).exact
    assert not PlatePattern.parse("7ABC12?").whole
    assert PlatePattern.parse("7?A*").known_characters == 2


@pytest.mark.parametrize(
    ("text", "enough"),
    [("7A*", True), ("*BC*", True), ("?7?A?", True), ("7*", False), ("*7*A*", False)],
)
def test_a_pattern_is_searchable_only_with_two_adjacent_known_characters(text, enough):
    assert PlatePattern.parse(text).searchable is enough


def test_an_engines_text_keeps_only_plate_characters_without_rewriting():
    assert plate_characters("7\N{LATIN SMALL LETTER DOTLESS I}A") == "7A"
    assert plate_characters(" 7ab\uff23-\N{LATIN SMALL LETTER SHARP S}\N{KELVIN SIGN}1") == "7ABC1"


def test_a_prefix_is_a_known_start_with_any_characters_after_it():
    prefixes = {
        text
        for text in ("7AB*", "7A?*", "7AB", "*AB", "*AB*", "7*B*", "7?*")
        if PlatePattern.parse(text).is_prefix
    }
    assert prefixes == {"7AB*"}
