"""The picture page of a bench: shows the failures. One file; it fetches no other.

It holds cuts of the pictures that were measured, so it goes to `var/` and never into the project.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from local.demo.pictures import data_address
from scenes.model import Image
from services.recognition.engine.protocol import PlateReading
from tests.bench.scoring import Bin, calibration_error

WIDTH_PX = 360
_QUALITY = 85
_AROUND = 0.6


@dataclass(frozen=True)
class Card:
    """One picture with its text; `picture` is a data address."""

    title: str
    picture: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Diagram:
    """A reliability diagram."""

    title: str
    bins: tuple[Bin, ...]

    @property
    def error(self) -> float | None:
        """The expected calibration error."""
        return calibration_error(self.bins)

    @property
    def most(self) -> int:
        """The reads in the fullest bin."""
        return max((one.n for one in self.bins), default=1)


def cut_out(frame: Image, box: tuple[int, int, int, int]) -> str:
    """Return a plate with some of its surroundings, as a data address.

    Args:
        frame: (H, W, 3) uint8 BGR.
        box: x, y, width, height in px of the frame; parts beyond its edge are cut off.

    Returns: an empty text where the box lies outside the frame.
    """
    x, y, w, h = box
    across, up = round(_AROUND * w), round(_AROUND * h)
    part = frame[max(0, y - up) : max(0, y + h + up), max(0, x - across) : max(0, x + w + across)]
    return picture(part)


def picture(frame: Image) -> str:
    """Return a picture as a data address, at the page's width; an empty text for an empty picture."""
    if frame.size == 0:
        return ""
    scale = WIDTH_PX / frame.shape[1]
    size = (WIDTH_PX, max(1, min(4 * WIDTH_PX, round(frame.shape[0] * scale))))
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    _, jpeg = cv2.imencode(
        ".jpg", cv2.resize(frame, size, interpolation=how), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return data_address(jpeg.tobytes())


def reading_rows(reading: PlateReading | None) -> tuple[tuple[str, str], ...]:
    """Return an engine's reading of a plate as rows of a card."""
    if reading is None:
        return (("read", "nothing"),)
    rows = [("read", reading.plate_as_read), ("confidence", f"{reading.confidence:.3f}")]
    rows.append(("each", " ".join(f"{c.text}{c.confidence:.2f}" for c in reading.characters)))
    others = [f"{one.plate} {one.probability:.3f}" for one in reading.alternatives]
    if others:
        rows.append(("alternatives", ", ".join(others)))
    if reading.region is not None:
        rows.append(("region", reading.region))
    if reading.misread_risk is not None:
        rows.append(("misread risk", f"{reading.misread_risk:.3f}"))
    return tuple(rows)


def write_page(
    path: Path,
    title: str,
    figures: Mapping[str, object],
    groups: Mapping[str, Sequence[Card]],
    diagrams: Sequence[Diagram] = (),
) -> None:
    """Write the page; its folder is made if need be."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    html = pages.get_template("page.html").render(
        title=title, figures=figures, groups=groups, diagrams=diagrams
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
