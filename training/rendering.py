"""Configurations of the renderer: the shares and ranges in which plates, their wear and their light vary.

A run trains with one configuration and is validated with another, so that its figures on held-out pictures say
something of pictures that no configuration made.
"""

from dataclasses import dataclass, replace
from typing import Final

from training.faces import SERIAL_PACKAGES

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rendering:
    """One configuration. A share is a probability for each plate, between 0 and 1."""

    typefaces: tuple[str, ...] = SERIAL_PACKAGES
    """Packages of which printed serials are."""
    dies: float = 0.68
    """Share of serials that are pressed from dies; the others are printed in typefaces."""
    die_aspect: Range = (0.37, 0.58)
    """Width of a die's characters over their height."""
    wide_die_aspect: Range = (0.52, 0.72)
    die_stroke: Range = (0.085, 0.16)
    """Width of a stroke over the height of a character."""
    heavy_narrow_dies: float = 0.0
    """Share of dies with narrow characters in heavy strokes."""
    pairs: float = 0.15
    """Share of random serials that begin or end with a stacked pair."""
    logos: float = 0.16
    """Share of plates with an organisation's logo beside their serial."""
    frames: float = 0.38
    """Share of plates in a dealer's frame."""
    deep_frames: float = 0.0
    """Share of plates in a frame that touches the serial, or covers its edge."""
    stickers_within: float = 0.0
    """Share of plates with a sticker in the serial's gap, or close to its end."""
    dirt: float = 0.5
    dust: float = 0.0
    """Share of plates under a film of dust, which brings ink and ground close together."""
    fading: float = 0.5
    low_contrast: float = 0.3
    """Share of photographs with little contrast."""
    least_contrast: float = 0.1
    infrared: float = 0.12
    night: float = 0.0
    """Share of photographs at night, where the plate glows in the camera's light beside lamps."""
    scene_night: float = 0.08
    """Share of the detector's scenes at night; the next three are of its scenes, too."""
    scene_infrared: float = 0.07
    scene_dark: float = 0.12
    scene_grey: float = 0.06


USUAL: Final = Rendering()
"""What `make train-reader` and `make train-detector` without a run train with."""

HELD_OUT_TYPEFACES: Final = ("fjalla_one", "share_tech", "signika", "zilla_slab", "dosis", "play")
"""Typefaces that only validation has."""

HARD: Final = replace(
    USUAL,
    typefaces=tuple(one for one in SERIAL_PACKAGES if one not in HELD_OUT_TYPEFACES),
    heavy_narrow_dies=0.1,
    pairs=0.3,
    frames=0.34,
    deep_frames=0.08,
    stickers_within=0.07,
    dust=0.08,
    least_contrast=0.08,
    night=0.08,
    scene_night=0.1,
    scene_dark=0.14,
)
"""The usual plates, and more of what the first networks missed on photos."""

VALIDATION: Final = replace(
    USUAL,
    typefaces=HELD_OUT_TYPEFACES,
    dies=0.6,
    die_aspect=(0.34, 0.62),
    wide_die_aspect=(0.5, 0.75),
    die_stroke=(0.08, 0.17),
    heavy_narrow_dies=0.06,
    pairs=0.2,
    frames=0.45,
    deep_frames=0.06,
    stickers_within=0.05,
    dirt=0.6,
    dust=0.1,
    fading=0.4,
    low_contrast=0.25,
    infrared=0.18,
    night=0.12,
    scene_night=0.12,
    scene_infrared=0.1,
    scene_dark=0.1,
    scene_grey=0.08,
)
"""Other typefaces, wider ranges of dies, other shares of wear and light than any training has."""

PICTURED: Final = replace(HARD, logos=0.3, low_contrast=0.35)
"""The hard plates, and more pictures beside the serial: what the first reader takes for a character, the second reader
has seen twice as often."""

NAMED: Final = {"usual": USUAL, "hard": HARD, "pictured": PICTURED}
"""The configurations that a run can begin with; its `run.toml` then has the values."""
