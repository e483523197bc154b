"""The layout of a list's files as a form: the place of each field, and codes and words as lines of text."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.console.domain.form_values import whole

FIELDS = (
    "plate",
    "state",
    "record_kind",
    "reason",
    "entering_ori",
    "entering_reference",
    "make",
    "model",
    "colour",
    "year",
    "caution",
    "valid_from",
    "expires_at",
)
"""The fields of an entry, in the order of the form."""

ENCODINGS = {"utf-8": "UTF-8", "latin-1": "ISO 8859-1 (Latin-1)"}
DELIMITERS = {"comma": "comma", "semicolon": "semicolon", "pipe": "pipe |", "tab": "tab"}
DATES = (
    "iso",
    "YYYYMMDD",
    "YYYY-MM-DD",
    "MMDDYYYY",
    "MM/DD/YYYY",
    "YYYYMMDDHHMM",
    "YYYYMMDDHHMMSS",
)
LEFT_OUT = "left out"
"""Stands behind the record kind of a code whose lines are not imported."""

_SPAN = re.compile(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?")


class LineUnread(ValueError):
    """A line of codes or words is not written as the form says; `field` is the form's, `str()` says what is wrong."""

    def __init__(self, field: str, number: int, why: str) -> None:
        super().__init__(f"line {number}: {why}")
        self.field = field


def place_name(field: str) -> str:
    """Return the name of the form's field for the place of a field."""
    return f"place_{field}"


def layout_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the layout that a form describes; what has no place is not in the files.

    Raises: LineUnread.
    """
    delimiter, has_header = form.get("delimiter"), "header" in form
    words = _words_of(form)
    columns = []
    for field in FIELDS:
        if (typed := form.get(place_name(field))) is not None:
            column = {"field": field, **_place(typed, delimiter, has_header=has_header)}
            columns.append(column | ({"texts": words[field]} if field in words else {}))
    layout: dict[str, Any] = {
        "encoding": form.get("encoding", ""),
        "delimiter": delimiter,
        "header": has_header,
        "columns": columns,
        "kinds": list(_codes_of(form)),
        "dates": form.get("dates", ""),
        "zone": form.get("zone"),
    }
    if "line_characters" in form:
        layout["line_characters"] = whole(form["line_characters"])
    return layout


def form_of_layout(layout: Mapping[str, Any]) -> dict[str, str]:
    """Return a stored layout as its form."""
    columns = layout["columns"]
    form = {
        "encoding": layout["encoding"],
        "delimiter": layout["delimiter"],
        "header": "yes" if layout["header"] else None,
        "line_characters": layout["line_characters"],
        "dates": layout["dates"],
        "zone": layout["zone"],
        "kinds": "\n".join(
            f"{one['code']} = {one['record_kind']}{'' if one['on'] else ', ' + LEFT_OUT}"
            for one in layout["kinds"]
        ),
        "texts": "\n".join(
            f"{column['field']}: {theirs} = {ours}"
            for column in columns
            for theirs, ours in column["texts"].items()
        ),
        **{place_name(column["field"]): _written(column) for column in columns},
    }
    return {name: str(value) for name, value in form.items() if value not in (None, "")}


def faulty_field(name: str | None, layout: Mapping[str, Any]) -> str | None:
    """Return the form's field for one that the service names, such as `body.columns.2.first`."""
    if name is None:
        return None
    if found := re.search(r"\bcolumns\.(\d+)\b", name):
        columns = layout["columns"]
        number = int(found[1])
        return place_name(columns[number]["field"]) if number < len(columns) else name
    return "kinds" if re.search(r"\bkinds\b", name) else name


def _place(typed: str, delimiter: str | None, *, has_header: bool) -> dict[str, Any]:
    """Return the place of a field; text that is none stays as it is, so that the service refuses it."""
    if len(typed) > 1 and typed[0] == typed[-1] == '"':
        return {"constant": typed[1:-1]}
    if delimiter is not None:
        return {"name": typed} if has_header else {"number": whole(typed)}
    span = _SPAN.fullmatch(typed)
    if span is None:
        return {"first": typed, "last": typed}
    return {"first": int(span[1]), "last": int(span[2] or span[1])}


def _written(column: Mapping[str, Any]) -> str:
    """Return the place of a field as the form has it."""
    if column["constant"] is not None:
        return f'"{column["constant"]}"'
    if column["name"] is not None:
        return str(column["name"])
    if column["number"] is not None:
        return str(column["number"])
    return f"{column['first']}-{column['last']}"


def _codes_of(form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for number, line in _lines(form, "kinds"):
        code, sign, meaning = (part.strip() for part in line.partition("="))
        kind, comma, rest = (part.strip() for part in meaning.partition(","))
        if not sign or not code or not kind or (comma and rest != LEFT_OUT):
            why = f"write a code, = and its record kind, with “, {LEFT_OUT}” behind it if need be"
            raise LineUnread("kinds", number, why)
        yield {"code": code, "record_kind": kind, "on": not comma}


def _words_of(form: Mapping[str, str]) -> dict[str, dict[str, str]]:
    words: dict[str, dict[str, str]] = {}
    for number, line in _lines(form, "texts"):
        field, colon, meaning = (part.strip() for part in line.partition(":"))
        theirs, sign, ours = (part.strip() for part in meaning.partition("="))
        if not colon or not sign or not theirs or field not in FIELDS:
            raise LineUnread(
                "texts", number, "write a field, a colon, the source's text, = and ours"
            )
        if place_name(field) not in form:
            raise LineUnread("texts", number, f"{field} has no place above")
        if theirs in words.setdefault(field, {}):
            raise LineUnread("texts", number, f"{field} has this text already")
        words[field][theirs] = ours
    return words


def _lines(form: Mapping[str, str], name: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(form.get(name, "").splitlines(), 1):
        if line.strip():
            yield number, line
