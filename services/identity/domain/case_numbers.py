"""Reads case and call numbers from the files that the department's own systems export (ADR-0141)."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.core.errors import InternalFault

HEADINGS = frozenset(
    {
        "call_no",
        "call_number",
        "case_no",
        "case_number",
        "cfs_number",
        "event_number",
        "incident_no",
        "incident_number",
        "number",
        "report_number",
    }
)
"""The headings of columns that are imported; case, spaces and dashes do not matter. No other column is stored."""

DELIMITERS = ",;\t|"
MOST_NUMBERS = 2_000_000
NUMBERLESS_SHARE = 0.1
"""The share of a file's lines without a number from which it is refused: its columns may have moved."""

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DIGITS = frozenset("0123456789")
_MOST_CHARACTERS = 32


@dataclass(frozen=True)
class CaseList:
    """The numbers of all files of an export."""

    numbers: frozenset[str]
    """In their bare form."""

    as_of: datetime
    """When the oldest file was written."""

    sha256: str
    """Of the files, one after the other in the order of their names."""


def bare(number: str) -> str:
    """Return a number as numbers are compared: letters and digits alone, letters in upper case."""
    return "".join(filter(str.isalnum, number)).upper()


def decoded(raw: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 with its mark, or another encoding that has ASCII's digits."""
    if raw.startswith(_UTF16_MARKS):
        return raw.decode("utf-16", errors="replace")
    return raw.decode("utf-8-sig", errors="replace")


def numbers_in(text: str, name: str) -> frozenset[str]:
    """Return the bare numbers of a file. Raises: InternalFault, naming the file, if it cannot be what is meant."""
    header = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=header.count))
    try:
        headings = [_plain(heading) for heading in next(rows, [])]
        columns = [column for column, heading in enumerate(headings) if heading in HEADINGS]
        if not columns:
            raise InternalFault(
                f"{name}: no column is headed by one of {', '.join(sorted(HEADINGS))}"
            )
        return _numbers(([row[at] for at in columns if at < len(row)] for row in rows if row), name)
    except csv.Error as exc:
        raise InternalFault(f"{name}, line {rows.line_num}: {exc}") from None


def _numbers(rows: Iterable[list[str]], name: str) -> frozenset[str]:
    numbers = set[str]()
    lines = numberless = 0
    for cells in rows:
        found = [number for number in map(bare, cells) if _is_number(number)]
        lines, numberless = lines + 1, numberless + (not found)
        numbers.update(found)
        if len(numbers) > MOST_NUMBERS:
            raise InternalFault(f"{name}: more than {MOST_NUMBERS:,} numbers")
    if numberless > lines * NUMBERLESS_SHARE:
        raise InternalFault(f"{name}: {numberless} of {lines} lines have no number")
    return frozenset(numbers)


def _is_number(text: str) -> bool:
    return len(text) <= _MOST_CHARACTERS and not _DIGITS.isdisjoint(text)


def _plain(heading: str) -> str:
    return "_".join(heading.strip().casefold().replace("-", " ").split())
