"""A report's file is made again to verify it, so its text may change only with the number of its form."""

from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from services.audit.domain.audit_reports import (
    Accesses,
    DrawFacts,
    FindingFacts,
    PeriodFacts,
    PolicyFacts,
    ReviewFacts,
    SignOffFacts,
    audit_report,
)
from services.audit.domain.report_pages import FORM, Asked, ReportPage, asked_in
from services.audit.domain.sealing import Unreadable
from shared.core.types import Ori
from shared.events import Actor

DIGESTS = {1: "5cd40ae0cf6572ffb6c023fe6557211dde51efea43f49ff778d90112984d18f7"}
"""The digest of the report below, by form. A changed text takes a new form, and this list one more line."""

JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7))


def a_page() -> ReportPage:
    one, two, three = (
        Actor(person_id=f"p{n}", name=f"Person <{n}>", title="Auditor", agency_ori=Ori("CA0520100"))
        for n in (1, 2, 3)
    )
    facts = PeriodFacts(
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
        draw=DrawFacts("a1", 96, one, JULY, "10", "12,11,14,15,13,19"),
        reviews={1: ReviewFacts("improper", two, JULY), 4: ReviewFacts("proper", two, JULY)},
        sign_off=SignOffFacts(three, JULY, "Reviewed & signed"),
        findings={"f1": FindingFacts("improper_access", 80, 99, "misuse")},
        improper={("a1", "12"): "f1"},
        acts=Counter({("hold.changed", "placed"): 3}),
        policies_before={"audit": PolicyFacts("2026-05", "ab" * 32)},
    )
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
