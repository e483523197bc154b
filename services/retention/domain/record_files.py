"""Files of exported reads: CSV (RFC 4180), JSON lines, GeoJSON (RFC 7946), written a piece at a time.

Each file names its export at the start (CSV at the end alone: its first line is the header) and ends with a statement
of whether it is complete. A file without that statement is not complete.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from io import StringIO
from typing import Any, Protocol

import msgspec

Plain = Mapping[str, Any]
"""An object of JSON: plain values by name."""

_FORMULA = re.compile(r"(^|[;\t\r\n])(\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""The start of a formula: in a cell, or behind what another locale's spreadsheet reads as the end of one."""

_PLACE = ("latitude", "longitude", "heading_deg")
_VEHICLE = ("make", "model", "colour", "direction", "speed_kmh", "lane")
COLUMNS = (
    "read_id", "capture_id", "plate", "plate_as_read", "region", "confidence", "captured_at", "received_at", "late",
    "device_id", "device_name", *(f"place.{name}" for name in _PLACE), "source", "model", "misread_risk",
    *(f"vehicle.{name}" for name in _VEHICLE), "has_crop", "has_image", "pass_id", "pass_agrees", "hits",
    "corrections",
)  # fmt: skip
"""The columns of the CSV file: names of the API. Readings of single characters are in the other formats alone."""

_encode = msgspec.json.Encoder().encode


class FileFormat(StrEnum):
    """The format of a file."""

    CSV = "csv"
    NDJSON = "ndjson"
    GEOJSON = "geojson"

    @property
    def media_type(self) -> str:
        """The media type, as registered or as the audit log's export has it."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    FileFormat.CSV: "text/csv",
    FileFormat.NDJSON: "application/x-ndjson",
    FileFormat.GEOJSON: "application/geo+json",
}


class RecordFile(Protocol):
    """A file in one format. Call `head`, `piece` for each piece in order, and `end`."""

    def head(self, export: Plain) -> bytes:
        """Return the beginning of the file; `export` says what it was made for."""

    def piece(self, reads: Iterable[Plain]) -> bytes:
        """Return the lines of some reads, as the API shows reads."""

    def end(self, end: Plain) -> bytes:
        """Return the end of the file; `end` says whether it is complete."""


class CsvFile:
    """CSV with a header. The last line has the ids of the export and its end, as text in the first cell."""

    def __init__(self) -> None:
        self._export: Plain = {}

    def head(self, export: Plain) -> bytes:
        """Return the header."""
        self._export = export
        return _rows([COLUMNS])

    def piece(self, reads: Iterable[Plain]) -> bytes:
        """Return a line for each read."""
        return _rows([_cell(read, name) for name in COLUMNS] for read in reads)

    def end(self, end: Plain) -> bytes:
        """Return the last line, with as many cells as the others; only the first has text."""
        said = {**end, "problem": end.get("problem", {}).get("code"), **_ids(self._export)}
        facts = " ".join(
            f"{name}={_text(value)}" for name, value in said.items() if value is not None
        )
        return _rows([[f"# end: {facts}", *("" for _ in COLUMNS[1:])]])


class NdjsonFile:
    """JSON lines: the export, each read, the end."""

    def head(self, export: Plain) -> bytes:
        """Return the line `{"export": …}`."""
        return _line({"export": export})

    def piece(self, reads: Iterable[Plain]) -> bytes:
        """Return a line for each read."""
        return b"".join(map(_line, reads))

    def end(self, end: Plain) -> bytes:
        """Return the line `{"end": …}`."""
        return _line({"end": end})


class GeoJsonFile:
    """A feature collection with two foreign members, `export` and `end`; a read without a place has no geometry."""

    def __init__(self) -> None:
        self._separator = b"\n"

    def head(self, export: Plain) -> bytes:
        """Return the beginning, up to the list of features."""
        return b'{"type":"FeatureCollection","export":' + _encode(export) + b',"features":['

    def piece(self, reads: Iterable[Plain]) -> bytes:
        """Return a feature for each read, on a line of its own."""
        lines = []
        for read in reads:
            lines += [self._separator, _encode(_feature(read))]
            self._separator = b",\n"
        return b"".join(lines)

    def end(self, end: Plain) -> bytes:
        """Return the end of the list and of the collection."""
        return b'\n],"end":' + _encode(end) + b"}\n"


def file_of(kind: FileFormat) -> RecordFile:
    """Return a new file in a format."""
    files: Mapping[FileFormat, type[CsvFile | NdjsonFile | GeoJsonFile]] = {
        FileFormat.CSV: CsvFile,
        FileFormat.NDJSON: NdjsonFile,
        FileFormat.GEOJSON: GeoJsonFile,
    }
    return files[kind]()


def inert(text: str) -> str:
    """Return a cell's text with an apostrophe before each start of a formula, so that no spreadsheet runs it."""
    return _FORMULA.sub(r"\1'\2", text)


def _cell(read: Plain, name: str) -> object:
    """Return the value of a column: text that is no formula, a number, or JSON of a list."""
    value: Any = read
    for step in name.split("."):
        value = (value or {}).get(step)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return "" if value is None else inert(_text(value))


def _text(value: object) -> str:
    return value if isinstance(value, str) else _encode(value).decode()


def _ids(export: Plain) -> Plain:
    """Return the ids by which a line of text traces an export."""
    return {
        "attempt_id": export["attempt_id"],
        "purpose_id": export["purpose"].get("purpose_id"),
        "policy_digest": export["policy_digest"],
    }


def _rows(rows: Iterable[Sequence[object]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _line(value: Plain) -> bytes:
    return _encode(value) + b"\n"


def _feature(read: Plain) -> Plain:
    """Return a read as a feature: WGS 84, longitude before latitude."""
    place = read.get("place")
    properties = {name: value for name, value in read.items() if name != "place"}
    properties["heading_deg"] = place["heading_deg"] if place else None
    return {
        "type": "Feature",
        "id": read["read_id"],
        "geometry": {"type": "Point", "coordinates": [place["longitude"], place["latitude"]]}
        if place
        else None,
        "properties": properties,
    }
