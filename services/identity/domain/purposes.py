"""Rules for purposes: the closed list, the kinds that the law prohibits, and a check for vague reasons."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from services.identity.domain.problem_codes import Code
from shared.core.areas import area_of, check_area
from shared.core.case_numbers import CaseRules, fits, is_placeholder
from shared.core.errors import InvalidInput, NotAuthorised
from shared.core.permissions import Permission
from shared.core.policy import Policy

GENERIC = Path(__file__).parent.parent / "data" / "generic_words.txt"

_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9-]{2,31}")


@dataclass(frozen=True)
class Declaration:
    """A purpose as a person declares it."""

    kind: str
    offence_type: str
    justification: str
    case_number: str | None = None
    call_number: str | None = None
    scope: Mapping[str, Any] = field(default_factory=dict)


@cache
def generic_words() -> frozenset[str]:
    """Return the committed list of words too generic to justify a search."""
    return frozenset(GENERIC.read_text(encoding="ascii").split())


def forbidden(policy: Policy, kind: str) -> NotAuthorised | None:
    """Return the refusal of a kind that the law prohibits, with its citation; None for other kinds."""
    citation = policy.purposes.prohibited.get(kind)
    if citation is None:
        return None
    return NotAuthorised(
        Code.PURPOSE_PROHIBITED, field="kind", purpose=kind.replace("_", " "), citation=citation
    )


def check_declaration(policy: Policy, declared: Declaration) -> None:
    """Raise InvalidInput, naming the field, unless the policy accepts this purpose."""
    if declared.kind not in policy.purposes.allowed:
        allowed = sorted(policy.purposes.allowed)
        raise InvalidInput(Code.PURPOSE_KIND_UNKNOWN, field="kind", allowed=allowed)
    rules = rules_of(policy, declared.kind)
    if not _WORD.search(declared.offence_type) and not rules.offences:
        raise InvalidInput(Code.OFFENCE_NOT_IN_WORDS, field="offence_type")
    if rules.offences and rules.offence(declared.offence_type) is None:
        allowed = [f"{label} ({code})" for code, label in sorted(rules.offences.items())]
        raise InvalidInput(Code.OFFENCE_UNKNOWN, field="offence_type", allowed=allowed)
    if declared.case_number is None and declared.call_number is None:
        raise InvalidInput(Code.CASE_NUMBER_MISSING, field="case_number")
    for name in ("case_number", "call_number"):
        number = getattr(declared, name)
        if number is not None:
            check_case_number(rules, number, name)
    check_justification(declared.justification, policy.purposes.minimum_justification_characters)
    if (area := declared.scope.get("area")) is not None:
        check_area(area_of(area), field="scope.area")


def rules_of(policy: Policy, kind: str) -> CaseRules:
    """Return the rules of numbers and offences for a kind of purpose.

    Kinds that open no search of records are about no case of the department's own: they may name any.
    """
    is_of_case = kind in policy.purposes.kinds_for(Permission.RECORD_SEARCH)
    return policy.cases if is_of_case else CaseRules()


def check_case_number(rules: CaseRules, number: str, name: str = "case_number") -> None:
    """Raise InvalidInput, naming the field, unless this has the form of a case or call-for-service number."""
    if not _NUMBER.fullmatch(number):
        raise InvalidInput(Code.CASE_NUMBER_MALFORMED, field=name)
    forms = rules.forms(name)
    if not fits(number, forms):
        raise InvalidInput(Code.CASE_NUMBER_OF_NO_FORM, field=name, forms=list(forms))
    if forms and is_placeholder(number):
        raise InvalidInput(Code.CASE_NUMBER_IS_PLACEHOLDER, field=name)


def check_justification(text: str, minimum_characters: int) -> None:
    """Raise InvalidInput if `text` says too little: short, repeated, or generic words only.

    The rule: enough characters, and two different words that are not generic and are not one
    letter repeated.
    """
    if len(" ".join(text.split())) < minimum_characters:
        raise InvalidInput(
            Code.JUSTIFICATION_TOO_SHORT, field="justification", min_characters=minimum_characters
        )
    words = {word.casefold() for word in _WORD.findall(text)}
    if sum(1 for word in words - generic_words() if len(set(word)) > 1) < 2:
        raise InvalidInput(Code.JUSTIFICATION_TOO_VAGUE, field="justification")
