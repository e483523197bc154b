"""Pages of a package for a browser: its cover, and each record with its pictures, as a court reads them.

A page is made of the lines that the package has in other files and of nothing else, so it shows no more than they do.
It has no script, loads nothing but the package's own pictures, and can be printed.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from services.retention.domain.hit_pages import hit_section
from shared.core.markup import Html, document, joined, table, tag

INDEX = "index.html"
"""Below data/: the page to begin with."""
RECORDS_ON_A_PAGE = 50

_TIME = re.compile(r"(_at|_from|_to|-At)$")
"""The end of the names of fields that have times."""


class Picture(NamedTuple):
    """A picture that a record names: its digest in the package, or why it is not there."""

    path: str
    sha256: str | None
    omitted: str | None


class PackedRecord(NamedTuple):
    """A record of the package: a read's line with those of its hits, or the line of a frame without a read in it."""

    captured_at: datetime
    read: Mapping[str, Any] | None
    capture: Mapping[str, Any] | None
    hits: Sequence[Mapping[str, Any]]


class PageEntry(NamedTuple):
    """A page of records: its number from 1, the numbers of its records, and their times."""

    number: int
    first: int
    last: int
    since: datetime
    until: datetime

    @property
    def file(self) -> str:
        """Name of its file below data/."""
        return page_file(self.number)


@dataclass(frozen=True)
class PageMaker:
    """Makes the pages of one package."""

    title: str
    zone: ZoneInfo
    """The zone of local times."""
    pictures_of: Callable[[Mapping[str, Any]], Sequence[tuple[str, Picture]]]
    """Returns the pictures that a record names, each with what it shows."""

    def page(
        self, number: int, first: int, records: Sequence[PackedRecord], *, is_last: bool
    ) -> Html:
        """Return a page of records; `first` is the number of its first one."""
        links = [tag("a", "Cover and list of pages", href=INDEX)]
        if number > 1:
            links.append(tag("a", "Previous page", href=page_file(number - 1)))
        if not is_last:
            links.append(tag("a", "Next page", href=page_file(number + 1)))
        nav = tag("nav", tag("p", joined(_between(links, " · "))))
        heading = f"Records {first} to {first + len(records) - 1}"
        return document(
            f"{heading} – {self.title}",
            nav,
            tag("h1", self.title),
            tag("p", f"{heading}, page {number}"),
            self._records(first, records),
            nav,
            with_pictures=True,
        )

    def index(
        self,
        cover: Mapping[str, Any],
        package: Mapping[str, str],
        *,
        pages: Sequence[PageEntry] = (),
        records: Sequence[PackedRecord] = (),
    ) -> Html:
        """Return the cover: what the package is, how to verify it, and its records or the list of their pages.

        Args:
            cover: the package's description of itself.
            package: the values of bag-info.txt.
        """
        listed = self._listed(pages) if pages else self._records(1, records)
        return document(
            self.title,
            tag("h1", self.title),
            tag(
                "p",
                "This page and those it leads to show what the files of this package contain. The signature of the"
                " package covers them; they prove nothing before the package is verified.",
            ),
            tag("h2", "What was exported"),
            self.facts(cover),
            tag("h2", "The package"),
            self.facts(package),
            _verification(),
            tag("h2", "Records"),
            tag(
                "p",
                "In order of time. Times are in UTC"
                + ("." if self._is_utc else f" and in local time of {self.zone.key}."),
            ),
            listed,
            with_pictures=True,
        )

    def facts(self, values: Mapping[str, Any]) -> Html:
        """Return names and values as a list; an object within is a list within, and None is left out."""
        return tag(
            "dl",
            *(
                joined([tag("dt", words(name)), tag("dd", self._value(name, value))])
                for name, value in values.items()
                if value is not None and value not in ([], (), {})
            ),
        )

    def moment(self, at: datetime) -> str:
        """Return a time in UTC, and in local time with its offset."""
        utc = _clock(at.astimezone(UTC))
        if self._is_utc:
            return f"{utc} UTC"
        local = at.astimezone(self.zone)
        return f"{utc} UTC; local {_clock(local)} {local:%Z (%z)}"

    @property
    def _is_utc(self) -> bool:
        return self.zone.key == "UTC"

    def _value(self, name: str, value: Any) -> str:
        if isinstance(value, Mapping):
            return self.facts(value)
        if isinstance(value, list | tuple):
            is_point = all(isinstance(one, float) for one in value)
            separator = ", " if is_point else "; "
            return joined(_between([self._value(name, one) for one in value], separator))
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str) and _TIME.search(name):
            at = datetime.fromisoformat(value)
            return self.moment(at) if at.tzinfo else value
        return str(value)

    def _listed(self, pages: Sequence[PageEntry]) -> Html:
        rows = (
            (
                tag("a", f"Page {one.number}", href=one.file),
                f"{one.first} to {one.last}",
                self.moment(one.since),
                self.moment(one.until),
            )
            for one in pages
        )
        return table(("Page", "Records", "First captured", "Last captured"), rows)

    def _records(self, first: int, records: Sequence[PackedRecord]) -> Html:
        if not records:
            return tag("p", "No record matches.")
        return joined(self._record(number, one) for number, one in enumerate(records, first))

    def _record(self, number: int, one: PackedRecord) -> Html:
        line = one.read or one.capture or {}
        pictures = (_figure(what, picture) for what, picture in self.pictures_of(line))
        if one.read is not None:
            plate = tag("span", one.read["plate_as_read"], class_="plate")
            heading, facts = joined([f"{number}. Read ", plate]), self._of_read(one.read)
        else:
            heading, facts = joined([f"{number}. Frame"]), self._of_frame(line)
        late = tag("p", tag("span", "LATE", class_="mark"), _LATE) if line["late"] else None
        return tag(
            "article",
            tag("h2", heading),
            late,
            *pictures,
            facts,
            *(hit_section(hit, self.facts) for hit in one.hits),
            id=str(line.get("read_id") or line["capture_id"]),
        )

    def _of_read(self, read: Mapping[str, Any]) -> Html:
        seen = {name: value for name, value in (read["vehicle"] or {}).items() if value is not None}
        facts = {
            "plate_as_read": read["plate_as_read"],
            "plate_as_searched": read["plate"],
            "corrected": [_correction(one) for one in read.get("corrections", [])],
            "state_of_the_plate": read["region"] or "not determined",
            "probability_of_the_least_certain_character": read["confidence"],
            "risk_of_a_misread": read.get("misread_risk"),
            "other_plates_that_were_possible": [
                f"{other['plate']} ({other['probability']})"
                for other in read.get("alternatives", [])
            ],
            "captured_at": read["captured_at"],
            "received_at": read["received_at"],
            "camera": f"{read['device_name']} ({read['device_id']})",
            "place": _place(read),
            "vehicle_as_described": seen,
            "read_by": f"{read['source']}, {read['model']}",
            "box_in_the_frame_in_pixels": read["box_px"] and ", ".join(map(str, read["box_px"])),
            "pass": read.get("pass_id"),
            "agrees_with_its_pass": read.get("pass_agrees"),
            "read_id": read["read_id"],
            "capture_id": read["capture_id"],
            "hits": None if "hits" not in read or read["hits"] else "none",
        }
        return joined([self.facts(facts), _characters(read["characters"])])

    def _of_frame(self, frame: Mapping[str, Any]) -> Html:
        hidden = ("late", "image", "latitude", "longitude", "heading_deg", "device_id")
        facts = {name: value for name, value in frame.items() if name not in hidden}
        facts["device_name"] = f"{frame['device_name']} ({frame['device_id']})"
        facts["place"] = _place(frame)
        return self.facts(facts)


def page_file(number: int) -> str:
    """Return the name of a page of records, below data/."""
    return f"page-{number:04d}.html"


def words(name: str) -> str:
    """Return the name of a field as a label: `case_number` as "Case number", "External-Identifier" as it is."""
    return (name[:1].upper() + name[1:]).replace("_", " ")


_LATE = " It arrived later than its device may keep it back."


def _figure(what: str, picture: Picture) -> Html:
    """Return a picture with its file and its digest, or the reason why it is missing."""
    if picture.sha256 is None:
        why = picture.omitted or "no such file"
        return tag("p", f"{what}: not in this package, {why} (", tag("code", picture.path), ")")
    caption = ("File ", tag("code", picture.path), ", SHA-256 ", tag("code", picture.sha256))
    image = tag("img", src=quote(picture.path), alt=what)
    return tag("figure", image, tag("figcaption", f"{what}. ", *caption))


def _correction(one: Mapping[str, Any]) -> str:
    """Return a correction as a sentence: what the picture shows, and who said so, if the package has it."""
    plate = one["plate"] or "no legible plate"
    state = f" of {one['region']}" if one["region"] else ""
    by = one.get("corrected_by")
    person = f" by {by['name']}, {by['title']}: {one['reason']}" if by else ""
    return f"the picture shows {plate}{state} ({one['corrected_at']}{person})"


def _place(line: Mapping[str, Any]) -> str:
    if line["latitude"] is None:
        return "not known"
    heading = line["heading_deg"]
    towards = "" if heading is None else f", facing {heading} degrees from north"
    return f"latitude {line['latitude']}, longitude {line['longitude']}{towards}"


def _characters(characters: Sequence[Mapping[str, Any]]) -> Html | None:
    if not characters:
        return None
    names = ("Character", "Probability", "Others that were possible")
    rows = (
        (
            one["text"],
            "not given" if one["confidence"] is None else str(one["confidence"]),
            "; ".join(f"{o['text']} {o['probability']}" for o in one["alternatives"]),
        )
        for one in characters
    )
    return table(names, rows, caption="Characters as read")


def _verification() -> Html:
    """Return how a recipient verifies the package without a network."""
    command = "plateward verify-package PACKAGE.zip --key PUBLIC.pem --vkey AUDIT-KEY"
    return joined(
        [
            tag("h2", "How to verify it"),
            tag(
                "p",
                "Get the department's public signing key, PUBLIC.pem, and the public key of its audit log, AUDIT-KEY,"
                " from the department, not from this package. Then, on a machine that needs no network:",
            ),
            tag("pre", command),
            tag(
                "p",
                "It says whether a file is missing, added or changed, and whose signature the package has. For a copy"
                " that was booked into evidence, add --booking STATEMENT.json with the signed statement of its"
                " booking. README.txt beside the folder of this page says how to verify with common tools instead.",
            ),
        ]
    )


def _between(pieces: Iterable[str], separator: str) -> list[str]:
    """Return pieces with a separator between each two."""
    found: list[str] = []
    for piece in pieces:
        found += [separator, piece] if found else [piece]
    return found


def _clock(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ", timespec="milliseconds")
