"""The forms of lines of a hot list: our own CSV, and what the layout of a list says of its source's extract."""

import csv
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.hotlist.domain.csv_import import (
    MAX_LINE_BYTES,
    LineFault,
    LineForm,
    LineRefused,
    refuse,
)
from services.hotlist.domain.entries import LIMITS, EntryFault, KindRefused
from services.hotlist.domain.layouts import (
    DATE_FORMS,
    DELIMITERS,
    Column,
    Delimiter,
    Encoding,
    Layout,
    code_as_compared,
)
from services.hotlist.domain.problem_codes import Code
from shared.core.errors import ValueRefused

REQUIRED = ("plate", "record_kind")
ALIASES = {
    "license_plate": "plate",
    "region": "state",
    "kind": "record_kind",
    "type": "record_kind",
    "color": "colour",
    "vehicle_year": "year",
    "cautions": "caution",
    "ori": "entering_ori",
    "reference": "entering_reference",
    "entered_by_ori": "entering_ori",
    "expires": "expires_at",
}
TIMES = ("valid_from", "expires_at")


class PlainCsv:
    """Our own CSV: UTF-8, commas, and a header with the names of our fields."""

    has_header = True

    def text(self, raw: bytes) -> str:
        """Return a line as it is stored when it is set aside: what is not UTF-8 is escaped."""
        return raw.decode(errors="backslashreplace")

    def cells(self, raw: bytes) -> list[str]:
        """Return the cells of a line; an empty list for a blank one. Raises: LineRefused."""
        return _cut(_decoded(raw, "utf-8"), "comma")

    def columns(self, raw: bytes, line: int) -> list[str]:
        """Return the fields that a header names; an empty list for a blank line. Raises: LineRefused, InvalidInput."""
        columns: list[str] = []
        faults = []
        for number, cell in enumerate(self.cells(raw), start=1):
            name = cell.strip().lower().replace(" ", "_")
            name = ALIASES.get(name, name)
            if name not in LIMITS:
                why = ValueRefused(
                    Code.SHEET_COLUMN_UNKNOWN, column=name[:40], allowed=sorted(LIMITS)
                )
                faults.append(LineFault.of(line, number, None, why))
            elif name in columns:
                why = ValueRefused(Code.SHEET_COLUMN_TWICE)
                faults.append(LineFault.of(line, number, name, why))
            columns.append(name)
        if columns:
            faults += [
                LineFault.of(line, None, name, ValueRefused(Code.SHEET_COLUMN_MISSING))
                for name in REQUIRED
                if name not in columns
            ]
        if faults:
            raise refuse(Code.SHEET_HEADER_REFUSED, faults, faults=len(faults))
        return columns

    def fields(self, columns: Sequence[str], cells: list[str]) -> dict[str, str]:
        """Return the fields of a record, stripped, without empty ones."""
        return {
            name: text for name, cell in zip(columns, cells, strict=True) if (text := cell.strip())
        }

    def kind(self, columns: Sequence[str], cells: list[str]) -> str:
        """Return the record kind of a record as it says it; empty without one."""
        return self.fields(columns, cells).get("record_kind", "")


class LaidOut:
    """The lines of a source's extract, by the layout that is stored with its list."""

    def __init__(self, layout: Layout) -> None:
        self.has_header = layout.header
        self._layout = layout
        self._constants = {
            one.field: one.constant for one in layout.columns if one.constant is not None
        }
        self._placed = [one for one in layout.columns if one.constant is None]
        self._texts = {one.field: one.texts for one in self._placed}
        self._codes = {code_as_compared(one.code): one for one in layout.kinds}
        self._dates = DATE_FORMS[layout.dates]
        self._zone = None if layout.zone is None else ZoneInfo(layout.zone)

    def text(self, raw: bytes) -> str:
        """Return a line as it is stored when it is set aside: what cannot be decoded is escaped."""
        return raw.decode(self._layout.encoding, errors="backslashreplace")

    def cells(self, raw: bytes) -> list[str]:
        """Return the cells of a line; an empty list for a blank one. Raises: LineRefused."""
        text = _decoded(raw, self._layout.encoding)
        if self._layout.delimiter is not None:
            return _cut(text, self._layout.delimiter)
        if not text.strip():
            return []
        length = self._layout.line_characters
        if length is not None and len(text) != length:
            raise LineRefused(Code.SHEET_LINE_LENGTH, characters=len(text), needed=length)
        return [text[one.characters] for one in self._placed]

    def columns(self, raw: bytes, line: int) -> list[str]:
        """Return the field of each cell by the first line, an empty name for one that is not imported.

        Returns an empty list for a blank line. Raises: LineRefused; InvalidInput for a header that lacks a column.
        """
        text = _decoded(raw, self._layout.encoding)
        if self._layout.delimiter is None:
            return [one.field for one in self._placed] if text.strip() else []
        cells = [cell.strip() for cell in _cut(text, self._layout.delimiter)]
        if not cells:
            return []
        columns = [""] * len(cells)
        faults = []
        for one in self._placed:
            found = self._numbers(one, cells)
            if len(found) == 1:
                columns[found[0]] = one.field
            else:
                why = Code.SHEET_COLUMN_TWICE if found else Code.SHEET_COLUMN_MISSING
                faults.append(LineFault.of(line, None, one.field, ValueRefused(why)))
        if faults:
            raise refuse(Code.SHEET_HEADER_REFUSED, faults, faults=len(faults))
        return columns

    def fields(self, columns: Sequence[str], cells: list[str]) -> dict[str, str]:
        """Return the fields of a record in our words, without empty ones. Raises: EntryFault, KindRefused."""
        found = self._said(columns, cells)
        if "record_kind" in found:
            found["record_kind"] = self._kind(found["record_kind"])
        if self._dates is not None:
            found |= {name: self._moment(name, found[name]) for name in TIMES if name in found}
        return found

    def kind(self, columns: Sequence[str], cells: list[str]) -> str:
        """Return the record kind of a record in our words. Raises: EntryFault, KindRefused."""
        return self._kind(self._said(columns, cells).get("record_kind", ""))

    def _said(self, columns: Sequence[str], cells: list[str]) -> dict[str, str]:
        """Return the fields of a record in the source's words, without empty ones."""
        found = dict(self._constants)
        for name, cell in zip(columns, cells, strict=True):
            text = cell.strip()
            if name and (text := self._texts[name].get(text, text)):
                found[name] = text
        return found

    def _numbers(self, column: Column, cells: list[str]) -> list[int]:
        """Return the places, from 0, at which the first line has a column."""
        if column.number is not None:
            return [column.number - 1] if column.number <= len(cells) else []
        return [at for at, cell in enumerate(cells) if cell == column.name]

    def _kind(self, text: str) -> str:
        """Return our record kind for a code of the source, which is never guessed. Raises: EntryFault, KindRefused."""
        code = self._codes.get(code_as_compared(text))
        if code is None:
            raise EntryFault("record_kind", Code.RECORD_CODE_UNKNOWN)
        if not code.on:
            why = ValueRefused(Code.RECORD_KIND_OFF, kind=code.record_kind)
            raise KindRefused(code.record_kind, why)
        return code.record_kind

    def _moment(self, name: str, text: str) -> str:
        """Return a date of the source in ISO 8601. An entry expires with the end of a day. Raises: EntryFault."""
        form = str(self._dates)
        try:
            day = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the layout's
            if day.strftime(form) != text:  # strptime guesses where digits are missing
                raise ValueError(text)
            if name == "expires_at" and "%H" not in form:
                day += timedelta(days=1)
            return day.replace(tzinfo=self._zone).isoformat()
        except (ValueError, OverflowError):
            raise EntryFault(name, Code.ENTRY_DATE_UNREADABLE, form=self._layout.dates) from None


def form_of(layout: Layout | None) -> LineForm:
    """Return the form of a list's files: by its layout, else our own CSV."""
    return PlainCsv() if layout is None else LaidOut(layout)


def _decoded(raw: bytes, encoding: Encoding) -> str:
    """Return the text of a line without its end. Raises: LineRefused."""
    if len(raw) > MAX_LINE_BYTES:
        raise LineRefused(Code.SHEET_LINE_TOO_LONG, max_bytes=MAX_LINE_BYTES)
    try:
        return raw.decode(encoding).rstrip("\r")
    except UnicodeDecodeError as exc:
        raise LineRefused(Code.SHEET_LINE_NOT_UTF8, byte=exc.start + 1) from None


def _cut(text: str, delimiter: Delimiter) -> list[str]:
    """Return the cells of a line; an empty list for a blank one. Raises: LineRefused."""
    try:
        # Parse one line at a time: an open quote is that line's fault and does not swallow the rest.
        rows = csv.reader((text,), delimiter=DELIMITERS[delimiter], strict=True)
        return next(rows) if text.strip() else []
    except csv.Error as exc:
        raise _not_csv(str(exc)) from None


def _not_csv(message: str) -> LineRefused:
    """Return the fault of a line for the message of `csv`, which has three in strict mode for one line."""
    if message.startswith("unexpected end"):
        return LineRefused(Code.SHEET_QUOTE_OPEN)
    if "expected after" in message:
        return LineRefused(Code.SHEET_QUOTE_INSIDE)
    return LineRefused(Code.SHEET_LINE_BREAK_BARE)
