from dataclasses import replace

import numpy as np
import pytest

from services.recognition.engine.consensus import agreed_serial, winner
from services.recognition.engine.plausibility import Glyph, TextLine
from services.recognition.engine.protocol import NEGLIGIBLE, considered
from shared.core.region_packs import regions_of

US = regions_of(("us",))


def line(text, *confidences):
    confidences = confidences if len(confidences) > 1 else confidences * len(text)
    glyphs = zip(text, confidences, strict=True)
    return TextLine(
        tuple(Glyph(one, p, i / len(text)) for i, (one, p) in enumerate(glyphs)),
        np.array([[0, 0], [80, 0], [80, 20], [0, 20]], np.float32),
    )


def test_views_vote_with_their_lowest_character_confidence():
    assert winner([line("6TTX874", 0.9), line("6TIX874", 0.6), line("6TIX874", 0.7)], US).plate == (
        "6TIX874"
    )


def test_the_winner_is_the_most_confident_view_of_its_text_as_read():
    looks = [line("FK2-X2Z", 0.5), line("FK2 X2Z", 0.8), line("FK21X2Z", 0.4)]
    assert winner(looks, US).text == "FK2 X2Z"


def test_an_issued_series_decides_between_equal_views_but_rewrites_no_text():
    assert winner([line("LEFUE87", 0.8), line("4EFU387", 0.8)], US).plate == "4EFU387"
    assert winner([line("4EFU387", 0.5), line("LEFUE87", 0.9)], US).plate == "LEFUE87"


def test_a_fragment_does_not_outvote_a_complete_serial():
    assert winner([line("CG", 0.99), line("CGT2069", 0.4)], US).plate == "CGT2069"


def test_views_without_a_serial_do_not_break_the_vote():
    assert winner([line("·", 0.9)], US).plate == ""
    assert winner([line("·", 0.9), line("CGT2069", 0.4)], US).plate == "CGT2069"


def test_disagreement_lowers_only_the_confidence_of_the_differing_characters():
    chosen = line("6TIX874", 0.9)
    serial = agreed_serial(chosen, [chosen, line("6TTX874", 0.9), line("TIX874", 0.9)])
    assert "".join(one.text for one in serial) == "6TIX874"
    assert [one.confidence for one in serial] == pytest.approx([0.6, 0.9, 0.6, *[0.9] * 4])


def test_a_single_view_keeps_its_own_probabilities():
    chosen = line("A-1", 0.7, 0.1, 0.9)
    assert [one.confidence for one in agreed_serial(chosen, [chosen])] == [0.7, 0.9]


def test_characters_in_place_of_another_number_of_them_are_nobodys_alternatives():
    chosen = line("7ABC1", 0.9)
    serial = agreed_serial(chosen, [chosen, line("7AXYC1", 0.9)])
    assert [one.alternatives for one in serial] == [()] * 5
    assert [one.confidence for one in serial] == pytest.approx([0.9, 0.9, 0.45, 0.9, 0.9])


def test_views_may_have_unequal_weights():
    chosen = line("6TIX874", 0.9)
    serial = agreed_serial(chosen, [chosen, line("6TTX874", 0.9)], [1.0, 0.5])
    assert [one.confidence for one in serial] == pytest.approx([0.9, 0.9, 0.6, *[0.9] * 4])


def test_other_views_characters_are_the_alternatives_of_a_place():
    chosen = line("6TIX874", 0.9)
    serial = agreed_serial(chosen, [chosen, line("6TTX874", 0.8), line("TIX874", 0.9)])
    assert serial[0].alternatives == ()
    assert [(one.text, pytest.approx(one.probability)) for one in serial[2].alternatives] == [
        ("I", 0.6),
        ("T", 0.8 / 3),
    ]


def test_a_view_brings_its_own_alternatives_by_its_weight():
    chosen = line("7B", 0.9)
    doubted = considered("8", 0.6, {"B": 0.3, "S": 0.1})
    glyphs = (
        chosen.glyphs[0],
        replace(chosen.glyphs[1], text="8", alternatives=doubted.alternatives),
    )
    other = TextLine(glyphs, chosen.quad)
    [_, second] = agreed_serial(chosen, [chosen, other], [1.0, 0.5])
    assert [(one.text, pytest.approx(one.probability)) for one in second.alternatives] == [
        ("B", 0.6),
        ("8", 0.2),
        ("S", 0.1 / 3),
    ]


def test_a_character_that_an_event_would_give_no_chance_is_left_out_and_four_are_the_most():
    others = {"8": 0.04, "S": 0.03, "3": 0.02, "E": 0.01, "P": NEGLIGIBLE}
    assert [one.text for one in considered("B", 0.9, others).alternatives] == ["B", "8", "S", "3"]
    assert considered("B", 0.9, {"P": NEGLIGIBLE}).alternatives == ()
    just_enough = considered("B", 0.9, {"P": 1.01 * NEGLIGIBLE}).alternatives
    assert [one.text for one in just_enough] == ["B", "P"]
