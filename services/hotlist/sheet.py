"""A hot list as CSV, read as it arrives: a header, one record a line, faults by line and column."""

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from services.hotlist.listing import (
    LIMITS,
    MAX_PARTIALS,
    Checker,
    Entry,
    EntryFault,
    KindRefused,
)
from shared.errors import InvalidInput, TooLarge

REQUIRED = ("plate", "record_kind")
ALIASES = {
    "license_plate": "plate",
    "region": "state",
    "kind": "record_kind",
    "type": "record_kind",
    "color": "colour",
    "ori": "entering_ori",
    "reference": "entering_reference",
    "entered_by_ori": "entering_ori",
    "expires": "expires_at",
}
MAX_LINE_BYTES = 8192
MAX_FAULTS = 100
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where; lines and columns count from 1."""

    line: int
    column: int | None
    field: str | None
    fault: str

    def __str__(self) -> str:
        where = f"line {self.line}"
        if self.column is not None:
            where += f", column {self.column}"
        if self.field is not None:
            where += f" ({self.field})"
        return f"{where}: {self.fault}"

    @property
    def shown(self) -> dict[str, Any]:
        """The fault as a problem document lists it."""
        return {
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "fault": self.fault,
        }


def refuse(faults: list[Fault]) -> InvalidInput:
    """Return the error that names `faults`."""
    many = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidInput(
        f"{faults[0]}{many}", field=faults[0].field, errors=[fault.shown for fault in faults]
    )


class Sheet:
    """Reads pieces of a CSV file; gives entries with their lines as long as nothing is wrong.

    Raises (in `feed` and `finish`): TooLarge past a limit; InvalidInput when the header or the encoding
    makes the rest meaningless, or at the hundredth fault. Other faults are kept in `faults`.
    """

    def __init__(self, checker: Checker, *, max_bytes: int, max_rows: int) -> None:
        self.faults: list[Fault] = []
        self.skipped: Counter[str] = Counter()
        """Rows left out because the import of their kind is switched off."""

        self.rows = 0
        self._partials = 0
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._checker = checker
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self._columns: list[str] = []
        self._line = 0
        self._rest = b""

    @property
    def sha256(self) -> str:
        """Of all that was read."""
        return self._digest.hexdigest()

    def feed(self, piece: bytes) -> list[tuple[int, Entry]]:
        """Return the entries on the lines that `piece` completes."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._max_bytes:
            raise TooLarge(f"a hot list has at most {self._max_bytes} bytes")
        self._digest.update(piece)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise refuse(
                [Fault(self._line + len(lines) + 1, None, None, f"over {MAX_LINE_BYTES} bytes")]
            )
        return self._read(lines)

    def finish(self) -> list[tuple[int, Entry]]:
        """Return the entry on a last line without a line feed. Raises: InvalidInput if any fault was found."""
        found = self._read([self._rest]) if self._rest else []
        self._rest = b""
        if not self._columns:
            raise refuse([Fault(1, None, None, "empty: a header row is needed")])
        if self.faults:
            raise refuse(self.faults)
        return found

    def _read(self, lines: list[bytes]) -> list[tuple[int, Entry]]:
        found = []
        for raw in lines:
            self._line += 1
            cells = self._cells(raw)
            if not cells:
                continue
            if not self._columns:
                self._columns = self._header(cells)
            elif (entry := self._row(cells)) is not None:
                found.append((self._line, entry))
        return found

    def _cells(self, raw: bytes) -> list[str]:
        if self._line == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        if len(raw) > MAX_LINE_BYTES:
            raise refuse([Fault(self._line, None, None, f"over {MAX_LINE_BYTES} bytes")])
        try:
            text = raw.decode().rstrip("\r")
            # One line at a time: a quote left open is that line's fault, and does not swallow the rest.
            return next(csv.reader((text,), strict=True)) if text.strip() else []
        except UnicodeDecodeError as exc:
            raise refuse(
                [Fault(self._line, None, None, f"not UTF-8 at byte {exc.start + 1}")]
            ) from None
        except csv.Error as exc:
            self._note(None, None, f"not CSV: {exc}")
            return []

    def _header(self, cells: list[str]) -> list[str]:
        columns = []
        for number, cell in enumerate(cells, start=1):
            name = cell.strip().lower().replace(" ", "_")
            name = ALIASES.get(name, name)
            if name not in LIMITS:
                self._note(number, None, f"{name[:40]!r} is not a column of a hot list")
            elif name in columns:
                self._note(number, name, "a second column of this name")
            columns.append(name)
        for name in REQUIRED:
            if name not in columns:
                self._note(None, name, "this column is missing")
        if self.faults:
            raise refuse(self.faults)
        return columns

    def _row(self, cells: list[str]) -> Entry | None:
        self.rows += 1
        if self.rows > self._max_rows:
            raise TooLarge(f"a hot list has at most {self._max_rows} rows")
        if len(cells) != len(self._columns):
            self._note(None, None, f"{len(cells)} fields under a header of {len(self._columns)}")
            return None
        fields = {
            name: text
            for name, cell in zip(self._columns, cells, strict=True)
            if (text := cell.strip())
        }
        try:
            entry = self._checker.check(fields)
            self._partials += entry.partial
            if self._partials > MAX_PARTIALS:
                raise EntryFault("plate", f"a list has at most {MAX_PARTIALS} partial plates")
            return entry
        except KindRefused as exc:
            self.skipped[exc.kind] += 1
        except EntryFault as exc:
            column = self._columns.index(exc.field) + 1 if exc.field in self._columns else None
            self._note(column, exc.field, exc.fault)
        return None

    def _note(self, column: int | None, field: str | None, fault: str) -> None:
        self.faults.append(Fault(self._line, column, field, fault))
        if len(self.faults) >= MAX_FAULTS:
            raise refuse(self.faults)
