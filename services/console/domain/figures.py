"""The counted figures as tables: for the public, and the age of what people searched for, for auditors."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Month = Mapping[str, Any]
"""A month as audit answers it."""


@dataclass(frozen=True)
class Section:
    """Figures that belong together, each with its name."""

    heading: str
    about: str
    figures: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """A figure, or one kind of it, by month."""

    name: str
    kind: str
    cells: Sequence[str]

    @property
    def label(self) -> str:
        """The row's heading."""
        return f"{self.name}: {self.kind.replace('_', ' ')}" if self.kind else self.name


@dataclass(frozen=True)
class Table:
    """The rows of a section, and for short those that have no number in any month, by what they have instead."""

    section: Section
    rows: Sequence[Row]
    numberless: Mapping[str, Sequence[Row]]

    @classmethod
    def of(cls, section: Section, rows: Iterable[Row]) -> "Table":
        """Sort rows out."""
        numbered, numberless = list[Row](), defaultdict[str, list[Row]](list)
        for row in rows:
            if len(words := set(row.cells)) == 1 and not row.cells[0][0].isdigit():
                numberless[words.pop()].append(row)
            else:
                numbered.append(row)
        return cls(section, numbered, numberless)


@dataclass(frozen=True)
class Age:
    """How many records of an age people were shown, as a share, and the share of those of this age or younger."""

    name: str
    count: int
    share: float
    share_up_to: float


@dataclass(frozen=True)
class Ages:
    """The ages of the records that people were shown in some months."""

    ages: Sequence[Age]
    count: int
    unknown: int
    """Records whose age is not known; the shares leave them out."""


HITS = Section(
    "Hot lists and hits",
    "Plates on the lists in force at the end of the month, by who owns the list; matches of a machine; and what"
    " people found when they checked these. False alerts are those checked with any other outcome than a correct"
    " read.",
    {
        "listed_plates": "listed plates",
        "hits_raised": "hits raised",
        "hits_verified": "hits checked",
        "false_alerts": "false alerts",
    },
)

SECTIONS = (
    Section(
        "Reads",
        "Reads captured in the month, and all that were kept at its end, in hundreds; records destroyed by purges; and"
        " orders in force that keep records as evidence.",
        {
            "reads_captured": "reads captured",
            "reads_stored": "reads kept",
            "records_purged": "records destroyed",
            "holds_in_force": "holds in force",
        },
    ),
    HITS,
    Section(
        "Searches",
        "Requests to search the records, by declared purpose, each page of an answer on its own; requests that were"
        " refused; and purposes that the law prohibits, which the system refused.",
        {
            "searches": "searches",
            "searches_refused": "searches refused",
            "purposes_refused": "prohibited purposes refused",
        },
    ),
    Section(
        "Sharing",
        "Written requests of other agencies, by kind of agency.",
        {
            "releases_asked": "requests",
            "releases_approved": "approved",
            "releases_refused": "refused",
        },
    ),
    Section(
        "Oversight",
        "Observations that the system asks an auditor to review, and audits that a second person signed.",
        {
            "findings_raised": "findings opened",
            "findings_closed": "findings closed",
            "findings_closed_as": "closed as",
            "audits_signed": "audits signed",
        },
    ),
    Section(
        "Age of the records that people see",
        "Records that searches showed, and pictures that people opened, by the time since the capture.",
        {
            "records_searched": "records shown by searches",
            "records_opened": "pictures opened",
        },
    ),
)

AGED = ("records_searched", "records_opened")
"""Figures whose kinds are ages."""

RATE = "false alerts, of hits checked"

_WORDS = {"withheld": "withheld", "not_reported": "not reported"}


def public_tables(months: Sequence[Month]) -> list[Table]:
    """Return the public figures, a column for each month."""
    if not months:
        return []
    by_month = [
        {(one["figure"], one["kind"] or ""): _words(one) for one in month["figures"]}
        for month in months
    ]
    percents = [month["false_alert_percent"] for month in months]
    rate = Row(RATE, "", ["withheld" if one is None else f"{one}%" for one in percents])
    return [
        Table.of(section, [*_rows(section, by_month), *([rate] if section is HITS else [])])
        for section in SECTIONS
    ]


def exact_table(months: Sequence[Month]) -> list[Row]:
    """Return all that was counted, a column for each month."""
    by_month = [
        {(one["figure"], one["kind"] or ""): f"{one['count']:,}" for one in month["figures"]}
        for month in months
    ]
    keys = sorted({key for month in by_month for key in month})
    return [
        Row(figure, kind, [m.get((figure, kind), "0") for m in by_month]) for figure, kind in keys
    ]


def ages_of(figure: str, names: Iterable[str], months: Iterable[Month]) -> Ages:
    """Return the ages of the records that a figure counts, over whole months."""
    counts = Counter[str]()
    for month in months:
        for one in month["figures"]:
            if one["figure"] == figure:
                counts[one["kind"] or ""] += one["count"]
    unknown = counts.pop("unknown", 0)
    total, so_far, ages = sum(counts.values()), 0, []
    for name in names:
        so_far += counts[name]
        ages.append(Age(name, counts[name], *(n / max(total, 1) for n in (counts[name], so_far))))
    return Ages(ages, total, unknown)


def _rows(section: Section, by_month: Sequence[Mapping[tuple[str, str], str]]) -> list[Row]:
    keys = [key for key in by_month[0] if key[0] in section.figures]
    keys.sort(key=lambda key: list(section.figures).index(key[0]))
    return [
        Row(
            section.figures[figure],
            _age(figure, kind),
            [m.get((figure, kind), "–") for m in by_month],
        )
        for figure, kind in keys
    ]


def _age(figure: str, kind: str) -> str:
    return f"up to {kind}" if figure in AGED and kind != "older" else kind


def _words(one: Mapping[str, Any]) -> str:
    match one["state"]:
        case "counted" | "rounded":
            return f"{one['count']:,}"
        case "few":
            return f"< {one['fewer_than']}"
    return _WORDS.get(one["state"], "–")
