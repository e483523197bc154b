"""A report's file is made again to verify it, so its text may change only with the number of its form."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from services.audit.domain.audit_facts import (
    STEP,
    Accesses,
    DrawFacts,
    FindingFacts,
    PeriodFacts,
    PolicyFacts,
    ReviewFacts,
    SignOffFacts,
)
from services.audit.domain.audit_reports import audit_report
from services.audit.domain.report_pages import FORM, Asked, ReportPage, asked_in
from services.audit.domain.sealing import Unreadable
from shared.core.types import Ori
from shared.events import Actor

DIGESTS = {1: "5cd40ae0cf6572ffb6c023fe6557211dde51efea43f49ff778d90112984d18f7"}
"""The digest of the report below, by form. A changed text takes a new form, and this list one more line."""

JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7))


ONE, TWO, THREE = (
    Actor(person_id=f"p{n}", name=f"Person <{n}>", title="Auditor", agency_ori=Ori("CA0520100"))
    for n in (1, 2, 3)
)


def the_facts() -> PeriodFacts:
    return PeriodFacts(
        seq=90,
        follows=10,
        occurred_from=JUNE,
        occurred_to=JULY,
        size=200,
        newest_at=JULY,
        population=list(range(11, 21)),
        sample=[12, 11, 14, 15, 13, 19],
        seed=bytes(32),
        seed_size=95,
        accesses=Counter(
            {Accesses("retention", "audit", True): 10, Accesses("audit", "", False): 2}
        ),
        draw=DrawFacts("a1", 96, ONE, JULY, "10", "12,11,14,15,13,19"),
        reviews={1: ReviewFacts("improper", TWO, JULY), 4: ReviewFacts("proper", TWO, JULY)},
        sign_off=SignOffFacts(THREE, JULY, "Reviewed & signed"),
        findings={"f1": FindingFacts("improper_access", 80, 99, "misuse")},
        improper={("a1", "12"): "f1"},
        acts=Counter({("hold.changed", "placed"): 3}),
        policies_before={"audit": PolicyFacts("2026-05", "ab" * 32)},
    )


def a_page() -> ReportPage:
    facts = the_facts()
    asked = Asked(department="A & B Police", names=True, period_seq=90, size=200)
    return ReportPage(asked, audit_report(facts, asked.department, names=True), "the note\n")


def test_a_changed_text_has_a_new_form() -> None:
    page = a_page()
    assert "4 of 6 accesses are not reviewed: 2 to 3, 5 to 6." in page.html
    assert "Person &lt;2&gt;, Auditor" in page.html
    assert sha256(page.html.encode()).hexdigest() == DIGESTS[FORM], (
        "the text of reports changed: raise FORM and add its digest here"
    )


def test_a_page_names_from_what_it_is_made() -> None:
    page = a_page()
    assert asked_in(page.html) == page.asked
    other = page.html.replace("&quot;form&quot;:1", "&quot;form&quot;:2")
    with pytest.raises(Unreadable, match="verify it with the version that made it"):
        asked_in(other)


def missing_with(change: Callable[[PeriodFacts], None]) -> Sequence[str]:
    facts = the_facts()
    change(facts)
    return audit_report(facts, "A", names=True).missing[1:]


@pytest.mark.clause("468.6(c)/audit-report")
@pytest.mark.parametrize("signer", [ONE, TWO], ids=["who drew", "who reviewed"])
def test_a_signature_of_a_person_who_worked_on_the_audit_is_said(signer: Actor) -> None:
    def sign(facts: PeriodFacts) -> None:
        facts.sign_off = SignOffFacts(signer, JULY, "Reviewed")

    assert missing_with(sign) == [
        "The person who signed the audit off also drew the sample or reviewed accesses."
    ]


def test_an_odd_step_of_an_audit_is_missing_and_another_odd_entry_is_left_out() -> None:
    assert missing_with(lambda facts: facts.odd.update([STEP, "hold.changed"])) == [
        "1 entries about steps of audits are repeated or cannot be read."
    ]
