"""The forms of case and call numbers, placeholders, and the table of offences."""

import pytest

from shared.core.case_numbers import CaseRules, fits, is_placeholder

pytestmark = pytest.mark.clause("468.4(a)/case-forms")


@pytest.mark.parametrize(
    ("number", "mask", "expected"),
    [
        ("26-001234", "##-######", True),
        ("26-00123", "##-######", False),
        ("26-0012345", "##-######", False),
        ("26_001234", "##-######", False),
        ("2A-001234", "##-######", False),
        ("٢٦-001234", "##-######", False),
        ("CPD-26-7", "CPD-##-#", True),
        ("cpd-26-7", "CPD-##-#", False),
        ("A9-26", "@9-##", True),
        ("a9-26", "@9-##", False),
        ("É9-26", "@9-##", False),
        ("A8-26", "@9-##", False),
        ("", "##-######", False),
    ],
)
def test_a_number_fits_a_mask_sign_by_sign(number, mask, expected):
    assert fits(number, (mask,)) is expected
    assert fits(number, ("X##", mask)) is expected
    assert fits(number, ()), "without a form any number fits"


def test_a_number_of_one_digit_repeated_is_a_placeholder():
    for number in ("00-000000", "99-9999", "CPD-11-1111"):
        assert is_placeholder(number)
    for number in ("26-001234", "26-1111", "1111", "00-0", "CPD"):
        assert not is_placeholder(number), "short ones are numbers that cases have"


def test_an_offence_is_named_by_its_code_or_its_words_however_typed():
    rules = CaseRules(offences={"VC 10851": "Vehicle theft", "PC 211": "Robbery"})
    for text in ("VC 10851", "vc  10851", "Vehicle theft", " VEHICLE THEFT "):
        assert rules.offence(text) == "Vehicle theft (VC 10851)"
    for text in ("", "10851", "theft", "Vehicle theft (VC 10851), Robbery"):
        assert rules.offence(text) is None


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        (CaseRules(case_numbers=("CASE",)), "CASE is no mask"),
        (CaseRules(call_numbers=("-##-##",)), "-##-## is no mask"),
        (CaseRules(case_numbers=("##",)), "## is no mask"),
        (CaseRules(case_numbers=("#" * 33,)), "is no mask"),
        (CaseRules(case_numbers=("##_####",)), "##_#### is no mask"),
        (CaseRules(offences={"one": "theft", "two": "Theft"}), "theft names two offences"),
        (CaseRules(offences={"one": "two", "two": "robbery"}), "two names two offences"),
    ],
)
def test_rules_that_nothing_could_fit_are_named(rules, fault):
    assert any(fault in one for one in rules.faults), rules.faults
    assert not CaseRules(case_numbers=("##-####", "26-@###"), offences={"a1": "b2"}).faults
