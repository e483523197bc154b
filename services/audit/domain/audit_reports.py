"""The report of an audit: what the log says of one period, in sections that a page and a file show alike.

Everything in it follows from the entries of the log up to one checkpoint, so an outsider with an export makes the same
report (ADR-0130). It names no plate, case or searched person; without names, it names none of the auditors either.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import get_args

from services.audit.domain.audit_facts import ACTS, STEP, Accesses, FindingFacts, PeriodFacts
from services.audit.domain.audits import ItemOutcome
from services.audit.domain.findings import FindingOutcome
from shared.events import Actor

NO_PURPOSE = "no purpose declared"


@dataclass(frozen=True)
class Section:
    """A part of a report: paragraphs, then facts, each with its name, then a table."""

    heading: str
    paragraphs: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class AuditReport:
    """A report as it is shown."""

    title: str
    missing: Sequence[str]
    """What the audit lacks; empty if it is complete."""
    sections: Sequence[Section]


def audit_report(facts: PeriodFacts, department: str, *, names: bool) -> AuditReport:
    """Return the report of a period. Without `names`, people are numbered and what they wrote is left out."""
    people = _People(facts, names)
    missing = list(_missing(facts))
    return AuditReport(
        f"Audit of accesses {_day(facts.occurred_from)} to {_day(facts.occurred_to)}, {department}",
        missing,
        [
            _period(facts),
            _sample(facts, people),
            *_reviews(facts, people),
            _signed(facts, people),
            _accesses(facts),
            _findings(facts),
            _acts(facts),
        ],
    )


def _missing(facts: PeriodFacts) -> Iterator[str]:
    """Yield what a complete audit of the period has and this one lacks."""
    draw, sign_off = facts.draw, facts.sign_off
    if draw is None:
        yield "The sample is not drawn."
        return
    if facts.sample is None or draw.entries != ",".join(map(str, facts.sample)):
        yield "The sample on record is not the one that the log's seed gives."
    if draw.population != str(len(facts.population)):
        yield "The sample was drawn from another number of accesses than the period has."
    if left := facts.unreviewed:
        yield f"{len(left)} of {len(draw.items)} accesses are not reviewed: {_ranges(left)}."
    if sign_off is None:
        yield "The audit is not signed off."
    else:
        workers = {draw.by.person_id, *(one.by.person_id for one in facts.reviews.values())}
        if sign_off.by.person_id in workers:
            yield "The person who signed the audit off also drew the sample or reviewed accesses."
    if odd := facts.odd[STEP]:
        yield f"{odd} entries about steps of audits are repeated or cannot be read."


class _People:
    """Names people: by name and title, or by numbers in the order in which they worked on the audit."""

    def __init__(self, facts: PeriodFacts, names: bool) -> None:
        self.named = names
        self._numbers: dict[str, int] = {}
        if facts.draw:
            self.of(facts.draw.by)
        for number in sorted(facts.reviews):
            self.of(facts.reviews[number].by)

    def of(self, person: Actor) -> str:
        """Return the words for a person."""
        number = self._numbers.setdefault(person.person_id, len(self._numbers) + 1)
        return f"{person.name}, {person.title}" if self.named else f"person {number}"


def _period(facts: PeriodFacts) -> Section:
    odd = facts.odd.total() - facts.odd[STEP]
    return Section(
        "The period",
        facts=[
            ("Accesses from", _moment(facts.occurred_from)),
            ("To, not included", _moment(facts.occurred_to)),
            ("Fixed in", f"entry {facts.seq} of the log"),
            (
                "Entries of the period",
                f"{facts.follows + 1} to {facts.seq - 1}"
                if facts.follows + 1 < facts.seq
                else "none",
            ),
            (
                "Made of",
                f"the first {facts.size} entries, the newest of {_moment(facts.newest_at)}."
                " What came later is not in it.",
            ),
            *(("Policy", f"version {one.version}, SHA-256 {one.digest}") for one in facts.policies),
            *([("Left out", f"{odd} other entries that cannot be read")] if odd else []),
        ],
    )


def _sample(facts: PeriodFacts, people: _People) -> Section:
    said, draw = [("Accesses of the period", f"{len(facts.population):,}")], facts.draw
    if draw is not None:
        said += [
            ("Drawn", f"{len(draw.items):,}, recorded in entry {draw.seq}"),
            ("Drawn by", f"{people.of(draw.by)}, {_moment(draw.at)}"),
        ]
    if facts.seed is not None:
        seed = f"{b64encode(facts.seed).decode()}, of the checkpoint of {facts.seed_size} entries"
        said.append(("Seed", seed))
    return Section(
        "The sample",
        [
            "An access is an allowed request of a person. The plan sets the period, an entry of the log fixes it, and"
            " the second checkpoint that is signed after it gives the seed, so that no person chooses what is audited."
            " The sample is large enough to find 1% misuse with 95% confidence. An access that reached the log after"
            " the period was fixed is in the next one.",
        ],
        said,
    )


def _reviews(facts: PeriodFacts, people: _People) -> Iterator[Section]:
    """Yield the sum of the reviews and each of them; none before the draw."""
    if facts.draw is None:
        return
    counts, known = Counter(one.outcome for one in facts.reviews.values()), get_args(ItemOutcome)
    outcomes = [*known, *sorted(set(counts).difference(known))]
    sums = [(_words(outcome), f"{counts[outcome]:,}") for outcome in outcomes]
    yield Section(
        "Results of the reviews",
        columns=("Outcome", "Accesses"),
        rows=[*sums, ("not reviewed", f"{len(facts.unreviewed):,}")],
    )
    rows = []
    for number, seq in enumerate(facts.draw.items, 1):
        finding = facts.findings.get(facts.improper.get((facts.draw.audit_id, seq), ""))
        what = _state(finding) if finding else ""
        review = facts.reviews.get(number)
        if review is None:
            rows.append((str(number), seq, "NOT REVIEWED", "", "", what))
        else:
            said = (_words(review.outcome), people.of(review.by), _moment(review.at), what)
            rows.append((str(number), seq, *said))
    yield Section(
        "Each access of the sample",
        columns=("Access", "Entry", "Outcome", "Reviewed by", "Reviewed", "Its finding"),
        rows=rows,
    )


def _state(finding: FindingFacts) -> str:
    return "not closed" if finding.closed_in is None else f"closed as {_words(finding.outcome)}"


def _signed(facts: PeriodFacts, people: _People) -> Section:
    signed = facts.sign_off
    if signed is None:
        return Section("Sign-off", ["The audit is NOT signed off."])
    statement = signed.statement if people.named else "left out in a report without names"
    return Section(
        "Sign-off",
        ["A person signs who neither drew the sample nor reviewed an access of it."],
        [
            ("By", f"{people.of(signed.by)}, {_moment(signed.at)}"),
            ("Statement", statement),
        ],
    )


def _accesses(facts: PeriodFacts) -> Section:
    counts, services = facts.accesses, sorted({one.service for one in facts.accesses})
    rows = []
    for purpose in sorted({one.purpose for one in counts}):
        cells = [counts[Accesses(service, purpose, True)] for service in services]
        refused = sum(n for one, n in counts.items() if one.purpose == purpose and not one.allowed)
        rows.append((_words(purpose) or NO_PURPOSE, *cells, sum(cells), refused))
    sums = ("all", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True)))
    return Section(
        "Accesses by declared purpose and service",
        [
            "Requests of people in the period, by the service that answered; the last column has the refused ones."
        ],
        columns=("Purpose", *services, "Allowed", "Refused"),
        rows=[[one if isinstance(one, str) else f"{one:,}" for one in row] for row in (*rows, sums)]
        if rows
        else [],
    )


def _findings(facts: PeriodFacts) -> Section:
    found, known = facts.findings.values(), get_args(FindingOutcome)
    others = {one.outcome for one in found if one.closed_in is not None}.difference(known)
    outcomes = [*known, *sorted(others)]
    begun, ended = facts.follows + 1, facts.seq
    rows = []
    for kind in sorted({one.kind for one in found}):
        of_kind = [one for one in found if one.kind == kind]
        closed = Counter(
            one.outcome
            for one in of_kind
            if one.closed_in is not None and begun <= one.closed_in < ended
        )
        then = [one for one in of_kind if one.is_open_at(ended)]
        row = (
            sum(one.is_open_at(begun) for one in of_kind),
            sum(begun <= one.raised_in < ended for one in of_kind),
            *(closed[outcome] for outcome in outcomes),
            len(then),
            sum(one.closed_in is None for one in then),
        )
        if any(row):
            rows.append((_words(kind), *(f"{one:,}" for one in row)))
    return Section(
        "Findings",
        [
            "What the system asked an auditor to review, by kind: how many were open when the period's entries begin,"
            " raised in them and closed in them, by outcome; how many were open at their end; and how many of those"
            " are not closed in the entries of which this report is made.",
        ],
        columns=(
            "Kind",
            "Open before",
            "Raised",
            *(f"Closed: {_words(outcome)}" for outcome in outcomes),
            "Open at the end",
            "Still open",
        ),
        rows=rows,
    )


def _acts(facts: PeriodFacts) -> Section:
    return Section(
        "Holds, purges and releases",
        ["As far as the entries of the period have them."],
        columns=("Act", "Number"),
        rows=[(label, f"{facts.acts[act]:,}") for act, label in ACTS.items()],
    )


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text, those that follow one another as a range."""
    texts = []
    for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        first, *_, last = [n for _, n in run] * 2
        texts.append(str(first) if first == last else f"{first} to {last}")
    return ", ".join(texts)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
