"""Layouts of extracts in answers, and how a sample would be read."""

from dataclasses import asdict
from datetime import datetime
from typing import Self

import msgspec
from pydantic import BaseModel, ConfigDict

from services.hotlist.actions.layouts import Preview
from services.hotlist.api.views.versions import SetAsideOut
from services.hotlist.domain.entries import Entry
from services.hotlist.domain.layouts import DateForm, Delimiter, Encoding, Layout


class ColumnOut(BaseModel):
    """Where one field stands."""

    field: str
    name: str | None = None
    number: int | None = None
    first: int | None = None
    last: int | None = None
    constant: str | None = None
    texts: dict[str, str] = {}


class CodeOut(BaseModel):
    """A code of the source, the record kind that it means, and whether its lines are imported."""

    code: str
    record_kind: str
    on: bool


class LayoutOut(BaseModel):
    """How the source of a list writes its extracts."""

    encoding: Encoding
    delimiter: Delimiter | None
    header: bool
    line_characters: int | None
    columns: list[ColumnOut]
    kinds: list[CodeOut]
    dates: DateForm
    zone: str | None

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Return a layout as the API shows it."""
        return cls.model_validate(msgspec.structs.asdict(layout), from_attributes=True)


class PreviewedEntryOut(BaseModel):
    """An entry as a line of a sample would give it."""

    line: int
    plate: str
    plate_listed: str
    partial: bool
    state: str | None
    record_kind: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    year: int | None
    caution: str | None
    valid_from: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, line: int, entry: Entry) -> Self:
        """Return an entry with its line."""
        return cls(line=line, state=entry.region, **asdict(entry))


class PreviewOut(BaseModel):
    """How the lines of a sample would be read; the service stored none of them."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entries: list[PreviewedEntryOut]
    set_aside: list[SetAsideOut]
    skipped: dict[str, int]
    """Lines left out because their code or the import of their record kind is switched off."""

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """Return a preview as the API shows it."""
        return cls(
            entries=[PreviewedEntryOut.of(line, entry) for line, entry in preview.entries],
            set_aside=[SetAsideOut.of(one) for one in preview.set_aside],
            skipped=dict(preview.skipped),
        )
