"""Parses a hot list as it arrives, one record a line; sets bad lines aside with their faults.

`line_forms` has the forms that lines may have: our own CSV, or as the layout of a list says.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

from services.hotlist.domain.entries import (
    MAX_PARTIALS,
    Checker,
    Entry,
    EntryFault,
    KindRefused,
    immigration_kind_in,
    plate_of,
)
from services.hotlist.domain.problem_codes import Code
from shared.core.errors import Explained, InvalidInput, TooLarge, ValueRefused

MAX_LINE_BYTES = 8192
MAX_FAULTS = 100
"""The most faults that a refusal names."""

MAX_SET_ASIDE = 10_000
"""The most bad lines of one upload, whatever their share of the file: a person cannot work through more."""

STORED_CHARACTERS = 2000
"""The most characters stored of a line that is set aside; a good line has fewer."""

SET_ASIDE_COLUMNS = ("line", "column", "field", "fault", "content")
"""The header of an export of lines that were set aside."""

FORMULA_BEGINS = ("=", "+", "-", "@")
"""The characters with which a spreadsheet's formula begins."""

CLOCKS_MAY_DIFFER = timedelta(minutes=5)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class LineFault(Explained):
    """A fault and its position; lines and columns count from 1."""

    line: int
    column: int | None
    field: str | None
    fault: str
    why: ValueRefused | None = None
    """The rule that refused; None for a fault that is stored with its line, as text."""

    @classmethod
    def of(cls, line: int, column: int | None, field: str | None, why: ValueRefused) -> Self:
        """Return the fault of a line that a rule refused."""
        return cls(line, column, field, str(why), why)

    def __str__(self) -> str:
        where = f"line {self.line}"
        if self.column is not None:
            where += f", column {self.column}"
        if self.field is not None:
            where += f" ({self.field})"
        return f"{where}: {self.fault}"

    @property
    def as_problem(self) -> dict[str, Any]:
        """The fault as a problem document lists it."""
        return {
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "fault": self.fault,
            "code": self.why.problem.code if self.why else None,
            "params": self.why.params if self.why else {},
        }


@dataclass(frozen=True, slots=True)
class SetAside:
    """A line that did not become an entry, with the reason."""

    fault: LineFault
    content: str
    """The line as uploaded, at most `STORED_CHARACTERS`; characters that Postgres cannot store are escaped."""

    plate: str | None
    """The line's plate in its normal form; None if it has no valid plate."""

    @property
    def cells(self) -> list[str | int | None]:
        """The row of an export, by `SET_ASIDE_COLUMNS`. A quote keeps a spreadsheet from running a formula."""
        quote = "'" if self.content.startswith(FORMULA_BEGINS) else ""
        fault = self.fault
        return [fault.line, fault.column, fault.field, fault.fault, quote + self.content]


class LineRefused(ValueRefused):
    """A line cannot be cut into its cells."""


class LineForm(Protocol):
    """How the lines of a file are written."""

    @property
    def has_header(self) -> bool:
        """Whether the first line that is not blank is no record."""

    def text(self, raw: bytes) -> str:
        """Return a line as it is stored when it is set aside: what cannot be decoded is escaped."""

    def cells(self, raw: bytes) -> list[str]:
        """Return the cells of a line; an empty list for a blank one. Raises: LineRefused."""

    def columns(self, raw: bytes, line: int) -> list[str]:
        """Return the field of each cell by the first line, an empty name for one that is not imported.

        Returns an empty list for a blank line: the next one counts. Raises: LineRefused; InvalidInput when the line
        makes the rest meaningless.
        """

    def fields(self, columns: Sequence[str], cells: list[str]) -> dict[str, str]:
        """Return the fields of a record, stripped, without empty ones. Raises: EntryFault, KindRefused."""

    def kind(self, columns: Sequence[str], cells: list[str]) -> str:
        """Return the record kind of a record; empty without one. Raises: EntryFault, KindRefused."""


def check_extract_time(as_of: datetime | None, now: datetime) -> None:
    """Check the time at which the source made an extract, if given. Raises: InvalidInput if it is yet to come."""
    if as_of is not None and as_of > now + CLOCKS_MAY_DIFFER:
        raise InvalidInput(Code.SHEET_AS_OF_AHEAD, field="as_of")


def refuse(problem: Code, found: Sequence[LineFault], **params: Any) -> InvalidInput:
    """Return the refusal: its text names the first of `found`, its `errors` list the first `MAX_FAULTS`."""
    problems = [fault.as_problem for fault in found[:MAX_FAULTS]]
    return InvalidInput(problem, field=found[0].field, errors=problems, first=found[0], **params)


class Sheet:
    """Parses pieces of a file; returns the entries of good lines and collects bad lines in `aside`.

    Raises (in `feed` and `finish`): TooLarge past a limit; InvalidInput when the header makes the rest
    meaningless, or when more than `MAX_SET_ASIDE` lines are bad.
    """

    def __init__(self, checker: Checker, form: LineForm, *, max_bytes: int, max_rows: int) -> None:
        self.aside: list[SetAside] = []
        self.skipped: Counter[str] = Counter()
        """Rows left out because the import of their kind is switched off."""

        self.rows = 0
        """Lines that are not blank, without the header; includes bad and skipped lines."""

        self._partials = 0
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._checker = checker
        self._form = form
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self._columns: list[str] = []
        self._line = 0
        self._rest = b""

    @property
    def entries(self) -> int:
        """The number of lines that became entries."""
        return self.rows - self.skipped.total() - len(self.aside)

    @property
    def sha256(self) -> str:
        """The hex SHA-256 of all bytes fed so far."""
        return self._digest.hexdigest()

    def feed(self, piece: bytes) -> list[tuple[int, Entry]]:
        """Return the entries on the lines that `piece` completes."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._max_bytes:
            raise TooLarge(Code.SHEET_TOO_LARGE, max_bytes=self._max_bytes)
        self._digest.update(piece)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        found = self._read(lines)
        if len(self._rest) > MAX_LINE_BYTES:
            # The line is too long already: keep just enough to refuse it when it ends.
            self._rest = self._rest[: MAX_LINE_BYTES + 1]
        return found

    def finish(self) -> list[tuple[int, Entry]]:
        """Return the entry on a last line without a line feed. Raises: InvalidInput for an empty file."""
        found = self._read([self._rest]) if self._rest else []
        self._rest = b""
        if not self._columns:
            raise refuse(
                Code.SHEET_HEADER_REFUSED,
                [LineFault.of(1, None, None, ValueRefused(Code.SHEET_EMPTY))],
                faults=1,
            )
        return found

    def check_share(self, most: float, doubled: Sequence[LineFault] = ()) -> None:
        """Refuse an upload whose bad and `doubled` lines exceed the share `most`, or `MAX_SET_ASIDE`.

        Raises: InvalidInput naming them.
        """
        faults = sorted(
            [*(one.fault for one in self.aside), *doubled], key=lambda fault: fault.line
        )
        if len(faults) > most * self.rows:
            raise refuse(
                Code.SHEET_BAD_LINES_SHARE, faults, faults=len(faults), lines=self.rows, share=most
            )
        if len(faults) > MAX_SET_ASIDE:
            raise refuse(Code.SHEET_BAD_LINES_MOST, faults, max_faults=MAX_SET_ASIDE)

    def set_doubled_aside(self, fault: LineFault, entry: Entry) -> None:
        """Set aside an entry that an earlier line has; rebuilds its line from the entry's fields."""
        values = {**asdict(entry), "plate": entry.plate_listed, "state": entry.region}
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(
            ["" if (value := values.get(name)) is None else value for name in self._columns]
        )
        self._append_aside(SetAside(fault, line.getvalue(), entry.plate))

    def _read(self, lines: list[bytes]) -> list[tuple[int, Entry]]:
        found = []
        for raw in lines:
            self._line += 1
            if self._line == 1:
                raw = raw.removeprefix(_BYTE_ORDER_MARK)
            if not self._columns:
                self._columns = self._begin(raw)
                if self._form.has_header or not self._columns:
                    continue
            if (entry := self._row(raw)) is not None:
                found.append((self._line, entry))
        return found

    def _begin(self, raw: bytes) -> list[str]:
        try:
            return self._form.columns(raw, self._line)
        except LineRefused as exc:
            raise refuse(
                Code.SHEET_HEADER_REFUSED, [LineFault.of(self._line, None, None, exc)], faults=1
            ) from None

    def _row(self, raw: bytes) -> Entry | None:
        cells: list[str] = []
        try:
            cells = self._form.cells(raw)
            if not cells:
                return None
            self._count()
            return self._entry(cells)
        except KindRefused as exc:
            self.skipped[exc.kind] += 1
        except EntryFault as exc:
            column = self._columns.index(exc.field) + 1 if exc.field in self._columns else None
            self._set_aside(raw, cells, LineFault.of(self._line, column, exc.field, exc))
        except LineRefused as exc:
            if not cells:
                self._count()
            self._set_aside(raw, cells, LineFault.of(self._line, None, None, exc))
        return None

    def _count(self) -> None:
        self.rows += 1
        if self.rows > self._max_rows:
            raise TooLarge(Code.SHEET_TOO_MANY_ROWS, max_rows=self._max_rows)

    def _entry(self, cells: list[str]) -> Entry:
        if len(cells) != len(self._columns):
            raise LineRefused(Code.SHEET_CELLS_DIFFER, cells=len(cells), columns=len(self._columns))
        entry = self._checker.check(self._form.fields(self._columns, cells))
        if entry.partial and self._partials >= MAX_PARTIALS:
            raise EntryFault("plate", Code.PARTIALS_TOO_MANY_IN_SHEET, max_partials=MAX_PARTIALS)
        self._partials += entry.partial
        return entry

    def _set_aside(self, raw: bytes, cells: list[str], fault: LineFault) -> None:
        content = self._form.text(raw).rstrip("\r").replace("\x00", "\\x00")
        if not self._is_imported(cells) and (kind := self._immigration(content)) is not None:
            self.skipped[kind] += 1  # never stored, not even as a bad line
            return
        self._append_aside(SetAside(fault, content[:STORED_CHARACTERS], self._plate(cells)))

    def _append_aside(self, one: SetAside) -> None:
        self.aside.append(one)
        if len(self.aside) > MAX_SET_ASIDE:
            faults = [one.fault for one in self.aside]
            raise refuse(Code.SHEET_BAD_LINES_MOST, faults, max_faults=MAX_SET_ASIDE)

    def _is_imported(self, cells: list[str]) -> bool:
        """Whether a line has all its cells and a record kind that is imported, whatever its other cells name."""
        if len(cells) != len(self._columns):
            return False
        try:
            self._checker.kinds.check(self._form.kind(self._columns, cells))
        except EntryFault:
            return False
        return True

    def _immigration(self, content: str) -> str | None:
        """Return the kind of the Immigration Violator file that a line names, unless the policy ranks this kind."""
        kind = immigration_kind_in(content)
        return kind if kind is not None and self._checker.is_off(kind) else None

    def _plate(self, cells: list[str]) -> str | None:
        number = self._columns.index("plate")
        try:
            return plate_of(cells[number])[0] if number < len(cells) else None
        except EntryFault:
            return None
