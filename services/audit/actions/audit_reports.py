"""Makes the report of an audit from the log, and again from an export, to compare (policy 468.6(c), ADR-0130)."""

from collections.abc import Iterable
from datetime import datetime
from itertools import zip_longest

from services.audit.actions.audit_facts import SOURCES, add_entry
from services.audit.actions.redraw import Period, Redraw
from services.audit.domain.audit_facts import PeriodFacts
from services.audit.domain.audit_reports import audit_report
from services.audit.domain.problem_codes import Code
from services.audit.domain.report_pages import Asked, ReportPage, asked_in
from services.audit.domain.sampling import seed_of
from services.audit.domain.sealing import Unreadable
from services.audit.store.audits import Audits
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.periods import LoggedEntry, Periods
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.core.signed_notes import Checkpoint
from shared.postgres.unit_of_work import UnitOfWork


async def make_report(
    work: UnitOfWork, grant: Grant, period_seq: int, department: str, *, names: bool
) -> ReportPage:
    """Return the report of the period that entry `period_seq` fixed, made of the entries that a checkpoint covers.

    It records the disclosure of the period's audit. Raises: NotFound if the entry fixed no period; Conflict before a
    checkpoint covers it.
    """
    periods, checkpoints = Periods(work.connection), Checkpoints(work.connection)
    fixed, newest = await periods.get(period_seq), await checkpoints.latest()
    if fixed is None:
        raise NotFound(Code.PERIOD_UNKNOWN)
    if newest is None or newest.size <= fixed.seq:
        raise Conflict(Code.PERIOD_UNCOVERED)
    if fixed.audit_id is not None:
        await Audits(work.connection).get(grant, fixed.audit_id)
    since, until = fixed.occurred_from, fixed.occurred_to
    period = Period(
        fixed.seq, since, until, await periods.population(fixed), await periods.accesses(fixed)
    )
    seed = await checkpoints.second_beyond(fixed.seq)
    if seed is not None and seed.size <= newest.size:  # one signed meanwhile is not in this report
        period.seed, period.seed_size = seed_of(seed.note, since, until), seed.size
    before = await periods.last(below=fixed.seq)
    facts = _facts(
        period,
        follows=-1 if before is None else before.seq,
        size=newest.size,
        newest_at=await periods.occurred_at(newest.size - 1),
    )
    for kind, source in SOURCES.items():
        async for entry in periods.entries(kind, *source.bounds(facts)):
            add_entry(facts, entry)
    asked = Asked(department=department, names=names, period_seq=fixed.seq, size=newest.size)
    return _page(facts, asked, newest.note)


def differences(page: str, lines: Iterable[bytes]) -> list[str]:
    """Return how a report differs from the one that a verified export from entry 0 gives.

    Raises: Unreadable if the page is no report of this form, or the export has not its period or its checkpoint.
    """
    asked = asked_in(page)
    pairs = zip_longest(page.split("\n"), _made_again(asked, lines).html.split("\n"))
    return [
        f"line {number} of the report is {said or ''!r}, and the log gives {right or ''!r}"
        for number, (said, right) in enumerate(pairs, 1)
        if said != right
    ]


def _made_again(asked: Asked, lines: Iterable[bytes]) -> ReportPage:
    redraw, entries, newest_at = Redraw(), list[LoggedEntry](), None
    for one in redraw.entries_and_notes(lines):
        if isinstance(one, str):
            if Checkpoint.parse(one).size == asked.size and newest_at is not None:
                return _page(_facts_of(redraw, asked, newest_at, entries), asked, one)
        else:
            newest_at = one.occurred_at
            if one.kind in SOURCES:
                entries.append(one)
    raise Unreadable(f"the export has no checkpoint of {asked.size} entries: make a newer one")


def _facts_of(
    redraw: Redraw, asked: Asked, newest_at: datetime, entries: Iterable[LoggedEntry]
) -> PeriodFacts:
    numbers = [period.seq for period in redraw.periods]
    if asked.period_seq not in numbers:
        raise Unreadable(f"entry {asked.period_seq} of the export fixes no period")
    place = numbers.index(asked.period_seq)
    facts = _facts(
        redraw.periods[place],
        follows=numbers[place - 1] if place else -1,
        size=asked.size,
        newest_at=newest_at,
    )
    for entry in entries:
        add_entry(facts, entry)
    return facts


def _facts(period: Period, *, follows: int, size: int, newest_at: datetime) -> PeriodFacts:
    """Return what the log says of a period's accesses and its sample."""
    return PeriodFacts(
        seq=period.seq,
        follows=follows,
        occurred_from=period.occurred_from,
        occurred_to=period.occurred_to,
        size=size,
        newest_at=newest_at,
        population=period.population,
        sample=period.sample,
        seed=period.seed,
        seed_size=period.seed_size,
        accesses=period.accesses,
    )


def _page(facts: PeriodFacts, asked: Asked, note: str) -> ReportPage:
    return ReportPage(asked, audit_report(facts, asked.department, names=asked.names), note)
