"""Everything recognition reads from its environment; built once, in main."""

from typing import Annotated

from pydantic import Field

from shared.settings import CommonSettings


class Settings(CommonSettings):
    """The model, the workers and what counts as a read. Names in capitals, e.g. RECOGNITION_MODEL."""

    recognition_model: str = "ppocrv6-small"
    """A pair from the wheel (ppocrv6-small, ppocrv6-tiny), or a folder with det/ and rec/."""

    recognition_workers: Annotated[int, Field(ge=1, le=256)] | None = None
    """Worker processes, about 600 MB each; one per core where not set."""

    recognition_frame_timeout_s: Annotated[float, Field(gt=0, le=60)] = 20
    """A worker that has a frame for longer is ended. Small enough that a batch of such frames does
    not cost the consumer its place in the group."""

    recognition_min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.35
    """Readings whose lowest character is below this are no reads; a frame with none over it is
    unreadable. Whether a read may raise a hit is decided elsewhere, at a higher bar."""

    recognition_longest_px: Annotated[int, Field(ge=320, le=4000)] = 1280
    """Text is looked for at this length of the frame's long side; cost grows with its square."""
