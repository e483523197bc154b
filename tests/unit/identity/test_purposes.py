"""Which reasons are accepted, and which purposes the law forbids."""

from pathlib import Path

import pytest

from services.identity.domain.purposes import (
    check_justification,
    forbidden,
    generic_words,
)
from shared.core.errors import InvalidInput
from shared.core.policy import load_policy
from shared.core.purpose_kinds import normalise_kind

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")


@pytest.mark.parametrize(
    "text",
    [
        "Owner reports a stolen sedan near Solano Street",
        "Follow-up on stolen vehicle report",
        "Suspect vehicle seen at the scene",
        "AMBER alert, child last seen northbound",
        "Búsqueda de persona desaparecida",
        "Crime-scene canvass, Third and Marin",
    ],
)
def test_a_specific_reason_is_accepted(text):
    check_justification(text, 10)


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "     \n   ",
        "theft",
        "a  b  c  d  e",
        "red       car",
        "investigation",
        "criminal investigation",
        "official police business",
        "needed for a case check",
        "search search search",
        "stolen stolen stolen",
        "xxxx yyyy zzzz",
        "26-001234 26-001234",
        "!!!!!!!!!!!!!!!!",
    ],
)
def test_a_vague_reason_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        check_justification(text, 10)
    assert refused.value.field == "justification"


@pytest.mark.clause("468.4(a)/prohibited")
def test_every_prohibited_kind_is_refused_with_its_citation_however_it_is_written():
    assert POLICY.purposes.prohibited
    for kind, citation in POLICY.purposes.prohibited.items():
        written = kind.replace("_", " ").title()
        refusal = forbidden(POLICY, normalise_kind(f"  {written} "))
        assert refusal is not None
        assert refusal.field == "kind"
        assert refusal.params == {"citation": citation, "purpose": kind.replace("_", " ")}
    assert not [kind for kind in POLICY.purposes.allowed if forbidden(POLICY, kind)]


def test_generic_words_are_lower_case():
    assert all(word == word.lower() for word in generic_words())
