"""Writes the report page: all results in one file."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from local.demo.pictures import Thumb, data_address, thumb
from local.demo.story import Alert, Read, Sent, Story
from local.demo.truth import bare, fold


@dataclass(frozen=True)
class Mark:
    """One read on the page.

    `verdict`: right, folded (right but for O and 0, or I and 1), wrong, or unknown (no truth).
    """

    read: Read
    verdict: str
    alert: Alert | None
    place: str
    crop: str


@dataclass(frozen=True)
class Card:
    """One frame on the page. `missed`: true plates that were not read."""

    sent: Sent
    thumb: Thumb | None
    marks: list[Mark]
    missed: list[str]


def write_report(story: Story, path: Path) -> None:
    """Write the page; creates its folder if necessary."""
    here = Path(__file__).parent
    pages = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = pages.get_template("report.html").render(
        story=story,
        line=story.summary(),
        cards=[_card(sent) for sent in story.sent],
        listed={plate for plate, _ in story.listed},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _card(sent: Sent) -> Card:
    small = thumb(sent.frame.content)
    left = {fold(true.plate): bare(true.plate) for true in sent.frame.truth}
    known = bool(sent.frame.truth or sent.frame.condition)
    marks = []
    for read in sent.reads:
        true = left.pop(fold(read.plate), None)
        verdict = _verdict(read, true) if known else "unknown"
        marks.append(_mark(sent, read, verdict, small))
    return Card(sent, small, marks, list(left.values()))


def _verdict(read: Read, true: str | None) -> str:
    if true is None:
        return "wrong"
    return "right" if read.plate == true else "folded"


def _mark(sent: Sent, read: Read, verdict: str, small: Thumb | None) -> Mark:
    alert = next((a for a in sent.alerts if a.plate_read == read.plate), None)
    place = small.place(read.box) if small and read.box else ""
    return Mark(read, verdict, alert, place, data_address(read.crop) if read.crop else "")
