"""Everything recognition reads from its environment; built once, in main."""

from typing import Annotated

from pydantic import Field

from shared.objects.settings import ObjectSettings
from shared.service.settings import WorkerSettings


class Settings(WorkerSettings, ObjectSettings):
    """The model, the workers and what counts as a read. Names in capitals, e.g. RECOGNITION_MODEL."""

    recognition_model: str = "plateward"
    """Our own engine (plateward), or PaddleOCR over the whole frame with a pair from the wheel
    (ppocrv6-small, ppocrv6-tiny) or from a folder with det/ and rec/."""

    recognition_workers: Annotated[int, Field(ge=1, le=256)] | None = None
    """Worker processes, about 600 MB each with PaddleOCR; one per core if not set."""

    recognition_batch: Annotated[int, Field(ge=1, le=64)] = 4
    """The most frames that a worker processes together, if that many wait for each worker."""

    recognition_frame_timeout_s: Annotated[float, Field(gt=0, le=60)] = 15
    """A worker that has not answered for its frames by then is killed, however many they are."""

    recognition_min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Readings whose lowest character is below this are not published; a frame with no reading over it is
    unreadable. Whether a read may raise a hit is decided elsewhere, at a higher bar."""

    recognition_longest_px: Annotated[int, Field(ge=320, le=4000)] = 1280
    """PaddleOCR: long side of the frame at which text is searched for; cost grows with its square."""

    recognition_detector_px: Annotated[int, Field(ge=160, le=4096)] = 800
    """Our engine: long side of the frame at which plates are searched for; cost grows with its square."""

    recognition_detector_again_px: Annotated[int, Field(ge=0, le=4096)] = 1280
    """Our engine: a frame in which no plate could be read is searched once more at this length, by the second detector;
    0 for never."""

    recognition_detector_minimum: Annotated[float, Field(gt=0, le=1)] = 0.35
    """Our engine: probability from which a detection counts as a plate."""

    recognition_legible_minimum: Annotated[float, Field(ge=0, le=1)] = 0.99
    """Our engine: probability of being a legible plate, and not a sign or badge, from which a text becomes a
    reading."""

    recognition_region_minimum: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Our engine: probability from which a plate's state is reported. High, since a wrong state does more harm in
    a hit than an unknown one."""

    recognition_looks_below: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Our engine: plates with a character less probable than this are read again in two further cuts, and the
    readings weighed together. 0 turns it off."""

    recognition_keep_stacked: bool = False
    """Our engine: whether two small characters, one above the other, are part of the plate. The lists and ground
    truth that we have seen leave them out; the plate as read always includes them."""

    recognition_second_opinion_below: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Our engine: PaddleOCR gives a second opinion on plates with a character less probable than this, such as 0.6. 0:
    never. Beside two readers of our own it adds nothing, and takes about 400 MB a worker."""

    recognition_second_opinion_model: str = "ppocrv6-small"
    """PaddleOCR's model pair for the second opinion; see `recognition_model`."""
