"""What a declared purpose must name: its kind, offence, number and reason, each rule by itself."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from services.identity.domain.problem_codes import Code
from services.identity.domain.purposes import (
    Declaration,
    check_case_number,
    check_declaration,
    check_justification,
    rules_of,
)
from shared.core.case_numbers import CaseRules
from shared.core.errors import InvalidInput
from shared.core.policy import load_policy
from shared.core.problem_codes import Common

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")
RULES = CaseRules(
    case_numbers=("##-######",),
    call_numbers=("C##-####",),
    offences={"VC 10851": "vehicle theft", "PC 211": "robbery"},
)
STRICT = msgspec.structs.replace(POLICY, cases=RULES)
CANVASS = Declaration(
    kind="crime_scene_canvass",
    offence_type="robbery",
    justification="Robbery at the store on Solano Street",
    case_number="26-001234",
)


def refusal(policy, declared):
    with pytest.raises(InvalidInput) as refused:
        check_declaration(policy, declared)
    return refused.value


def number_refusal(number, rules=RULES, *named):
    with pytest.raises(InvalidInput) as refused:
        check_case_number(rules, number, *named)
    return refused.value


@pytest.mark.parametrize("policy", [POLICY, STRICT])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"case_number": None, "call_number": "C26-0001"},
        {"call_number": "C26-0001"},
        {"scope": {"area": {"latitude": 37.9, "longitude": -122.3, "radius_m": 500}}},
        {"scope": {"plate": "7ABC123"}},
    ],
)
def test_a_whole_declaration_is_accepted(policy, changes):
    check_declaration(policy, replace(CANVASS, **changes))


@pytest.mark.clause("468.4(a)/purpose")
def test_a_kind_that_the_policy_does_not_name_is_refused_with_those_that_it_does():
    fault = refusal(POLICY, replace(CANVASS, kind="curiosity"))
    assert (fault.problem, fault.field) == (Code.PURPOSE_KIND_UNKNOWN, "kind")
    assert fault.params["allowed"] == sorted(POLICY.purposes.allowed)


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.parametrize("offence", ["", "10851", "x 1 y"])
def test_an_offence_is_named_in_words(offence):
    fault = refusal(POLICY, replace(CANVASS, offence_type=offence))
    assert (fault.problem, fault.field) == (Code.OFFENCE_NOT_IN_WORDS, "offence_type")


@pytest.mark.clause("468.4(a)/case-forms")
@pytest.mark.parametrize("offence", ["burglary", "", "10851"])
def test_an_offence_outside_the_policys_table_is_refused_with_the_table(offence):
    fault = refusal(STRICT, replace(CANVASS, offence_type=offence))
    assert (fault.problem, fault.field) == (Code.OFFENCE_UNKNOWN, "offence_type")
    assert fault.params["allowed"] == ["robbery (PC 211)", "vehicle theft (VC 10851)"]


@pytest.mark.parametrize("offence", ["pc 211", "PC 211", "Robbery", "  vehicle   THEFT "])
def test_an_offence_of_the_table_is_named_by_its_code_or_its_words(offence):
    check_declaration(STRICT, replace(CANVASS, offence_type=offence))


def test_a_table_may_name_an_offence_by_its_number():
    numbered = msgspec.structs.replace(POLICY, cases=CaseRules(offences={"10851": "187"}))
    check_declaration(numbered, replace(CANVASS, offence_type="10851"))


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.parametrize("policy", [POLICY, STRICT])
def test_a_purpose_names_a_case_or_a_call(policy):
    fault = refusal(policy, replace(CANVASS, case_number=None))
    assert (fault.problem, fault.field) == (Code.CASE_NUMBER_MISSING, "case_number")


@pytest.mark.clause("468.4(a)/case-forms")
@pytest.mark.parametrize(
    ("changes", "field", "forms"),
    [
        ({"case_number": "C26-0001"}, "case_number", ["##-######"]),
        ({"call_number": "26-001234"}, "call_number", ["C##-####"]),
        ({"case_number": None, "call_number": "26-001234"}, "call_number", ["C##-####"]),
    ],
)
def test_each_number_has_one_of_its_own_forms(changes, field, forms):
    fault = refusal(STRICT, replace(CANVASS, **changes))
    assert (fault.problem, fault.field) == (Code.CASE_NUMBER_OF_NO_FORM, field)
    assert fault.params["forms"] == forms


@pytest.mark.clause("468.4(a)/case-forms")
def test_a_placeholder_is_no_number_where_the_policy_has_forms():
    fault = refusal(STRICT, replace(CANVASS, case_number="00-000000"))
    assert (fault.problem, fault.field) == (Code.CASE_NUMBER_IS_PLACEHOLDER, "case_number")
    check_declaration(POLICY, replace(CANVASS, case_number="00-000000"))


@pytest.mark.parametrize("number", ["26a", "A-1", "1" * 32, "x" * 31 + "1", "26-001234"])
def test_a_number_has_3_to_32_letters_digits_and_dashes(number):
    check_case_number(CaseRules(), number)


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.parametrize(
    "number", ["", "26", "1" * 33, "-261", "26 001234", "case", "26_001", "26-1\n", "２６１"]
)
def test_other_numbers_are_refused(number):
    for named, field in (((), "case_number"), (("call_number",), "call_number")):
        fault = number_refusal(number, CaseRules(), *named)
        assert (fault.problem, fault.field) == (Code.CASE_NUMBER_MALFORMED, field)


@pytest.mark.clause("468.4(a)/case-forms")
def test_the_rules_of_numbers_hold_for_kinds_that_open_searches():
    searching = POLICY.purposes.kinds_for("record:search")
    assert searching
    for kind in POLICY.purposes.allowed:
        assert rules_of(STRICT, kind) == (RULES if kind in searching else CaseRules()), kind


def test_another_kind_may_name_any_number_and_offence():
    check_declaration(
        STRICT, replace(CANVASS, kind="audit", offence_type="none", case_number="AUD-7")
    )


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.parametrize("policy", [POLICY, STRICT])
def test_a_reason_is_required(policy):
    fault = refusal(policy, replace(CANVASS, justification="check"))
    assert (fault.problem, fault.field) == (Code.JUSTIFICATION_TOO_SHORT, "justification")


def test_a_reason_has_as_many_characters_as_the_policy_says():
    check_justification("red  coupe", 9)
    with pytest.raises(InvalidInput) as refused:
        check_justification("red  coupe", 10)
    assert refused.value.problem is Code.JUSTIFICATION_TOO_SHORT
    assert refused.value.params == {"min_characters": 10}


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("stolen sedan", True),
        ("sedan SEDAN Sedan", False),
        ("Vehicle Search SEDAN", False),
        ("sedan at 4th", True),
        ("sedan aa 4444", False),
        ("sedan ok by 4", True),
    ],
)
def test_a_reason_has_two_words_of_its_own(text, enough):
    if enough:
        check_justification(text, 10)
        return
    with pytest.raises(InvalidInput) as refused:
        check_justification(text, 10)
    assert refused.value.problem is Code.JUSTIFICATION_TOO_VAGUE


def test_an_area_is_one_that_a_search_accepts():
    inside_out = {"south": 38, "west": -122, "north": 37, "east": -121}
    fault = refusal(POLICY, replace(CANVASS, scope={"area": inside_out}))
    assert (fault.problem, fault.field) == (Common.AREA_INSIDE_OUT, "scope.area")
