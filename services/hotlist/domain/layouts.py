"""The layout of a source's extract: where each of our fields stands in it, and what its codes mean."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from services.hotlist.domain.entries import EntryFault, Kinds, immigration_kind_in
from services.hotlist.domain.problem_codes import Code
from shared.core.errors import InvalidInput
from shared.core.months import is_zone

Encoding = Literal["utf-8", "latin-1"]
Delimiter = Literal["comma", "semicolon", "pipe", "tab"]
DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "pipe": "|", "tab": "\t"}
DateForm = Literal[
    "iso", "YYYYMMDD", "YYYY-MM-DD", "MMDDYYYY", "MM/DD/YYYY", "YYYYMMDDHHMM", "YYYYMMDDHHMMSS"
]
DATE_FORMS: dict[DateForm, str | None] = {
    "iso": None,
    "YYYYMMDD": "%Y%m%d",
    "YYYY-MM-DD": "%Y-%m-%d",
    "MMDDYYYY": "%m%d%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "YYYYMMDDHHMM": "%Y%m%d%H%M",
    "YYYYMMDDHHMMSS": "%Y%m%d%H%M%S",
}
"""How `datetime` reads each form; None for ISO 8601 with a zone, as in our own CSV."""


MAX_BYTES = 65_536
"""The most bytes of a layout as JSON: its event contains all of it."""


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The place of one field: a named or numbered column, characters of a line, or the same text on each line."""

    field: str
    name: str | None = None
    """Its name in the header."""

    number: int | None = None
    """Its place in a file without a header, from 1."""

    first: int | None = None
    last: int | None = None
    """Its first and last character in a line of fixed columns, from 1."""

    constant: str | None = None
    texts: dict[str, str] = {}
    """What our field says for a text of the source; empty leaves the field out. Other texts stay."""

    @property
    def characters(self) -> slice:
        """The characters of a line of fixed columns."""
        return slice((self.first or 1) - 1, self.last)


class SourceCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code of the source for a kind of record."""

    code: str
    record_kind: str
    on: bool
    """Whether its lines are imported."""


class Layout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a source writes its extract."""

    encoding: Encoding = "utf-8"
    delimiter: Delimiter | None = None
    """None: the columns have fixed places."""

    header: bool
    line_characters: int | None = None
    """The length of each line of fixed columns; a line of another length is set aside. None: any length."""

    columns: Sequence[Column]
    kinds: Sequence[SourceCode]
    dates: DateForm = "iso"
    zone: str | None = None
    """The IANA name of the zone of dates that name none."""


def code_as_compared(code: str) -> str:
    """Return a code of a source without the differences that do not count: case, and spaces at its ends."""
    return code.strip().upper()


def check_layout(layout: Layout, switches: Kinds) -> None:
    """Check that a layout reads one thing only, and imports no kind that is prohibited (468.4(a)).

    Args:
        switches: the import switches of the policy.

    Raises: InvalidInput.
    """
    if len(msgspec.json.encode(layout)) > MAX_BYTES:
        raise InvalidInput(Code.LAYOUT_TOO_LARGE, max_bytes=MAX_BYTES)
    _check_places(layout)
    _check_codes(layout, switches)
    if layout.dates != "iso" and layout.zone is None:
        raise InvalidInput(Code.LAYOUT_ZONE_MISSING, field="zone", form=layout.dates)
    if layout.zone is not None and not is_zone(layout.zone):
        raise InvalidInput(Code.LAYOUT_ZONE_UNKNOWN, field="zone")


def _check_places(layout: Layout) -> None:
    needed = _needed(layout)
    seen: set[object] = set()
    for one in layout.columns:
        given = {
            name for name in ("name", "number", "first", "last") if getattr(one, name) is not None
        }
        if one.constant is not None and one.field == "plate":
            raise InvalidInput(Code.LAYOUT_PLATE_CONSTANT, field="columns")
        if given != (set() if one.constant is not None else needed):
            raise InvalidInput(
                Code.LAYOUT_COLUMN_MISPLACED, field="columns", name=one.field, needed=sorted(needed)
            )
        if one.first is not None and one.last is not None and one.last < one.first:
            raise InvalidInput(Code.LAYOUT_COLUMN_ENDS_EARLY, field="columns", name=one.field)
        place = one.name or one.number
        if one.field in seen or (place is not None and (place,) in seen):
            raise InvalidInput(Code.LAYOUT_COLUMN_TWICE, field="columns", name=one.field)
        seen |= {one.field, (place,)}
    for name in ("plate", "record_kind"):
        if name not in seen:
            raise InvalidInput(Code.LAYOUT_FIELD_MISSING, field="columns", name=name)
    if layout.line_characters is not None and layout.delimiter is not None:
        raise InvalidInput(Code.LAYOUT_LENGTH_OF_CELLS, field="line_characters")


def _needed(layout: Layout) -> set[str]:
    """Return what names a place in files of this layout."""
    if layout.delimiter is None:
        return {"first", "last"}
    return {"name"} if layout.header else {"number"}


def _check_codes(layout: Layout, switches: Kinds) -> None:
    codes = [code_as_compared(one.code) for one in layout.kinds]
    if len(set(codes)) < len(codes):
        raise InvalidInput(Code.LAYOUT_CODE_TWICE, field="kinds")
    for one in layout.kinds:
        named = immigration_kind_in(one.record_kind) or immigration_kind_in(one.code)
        if not one.on and named is not None:
            continue  # its lines are left out and stored nowhere
        try:
            switches.check(named or one.record_kind)
        except EntryFault as exc:
            raise InvalidInput(Code.LAYOUT_CODE_REFUSED, field="kinds", because=exc) from None
    for column in layout.columns:
        constant = column.constant
        if column.field != "record_kind" or constant is None:
            continue
        if code_as_compared(constant) not in codes:
            raise InvalidInput(Code.LAYOUT_CONSTANT_UNKNOWN, field="columns")
