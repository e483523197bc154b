"""Says which state issued a plate: from the name at its upper or lower edge, and from its serial."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.cuts import rectify
from services.recognition.engine.geometry import Quad, size_px
from services.recognition.engine.network import Network, fact
from services.recognition.models import (
    NAMES_HEIGHT_PX,
    NAMES_MARGIN_ACROSS,
    NAMES_MARGIN_UP,
    NAMES_PLATE_PX,
    NAMES_WIDTH_PX,
)

UNKNOWN: Final = "unknown"
NARROWEST_PX: Final = 64
"""Width of a plate below which the name on it is illegible."""
BATCH: Final = 16
STRIP_PX: Final = NAMES_HEIGHT_PX // 2
"""Height of each edge."""


OTHER_SERIES: Final = 0.25
"""How likely a serial of none of an issuer's listed series is on its plates, beside one of them: it may be
personalised, or of a series that the region packs do not list."""


def _as_likely(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class StateOdds:
    """How likely each state is by the name on a plate."""

    odds: tuple[tuple[str | None, float], ...]
    """States such as `US-CA`, and None for those that may not be returned and for no name, with probabilities."""
    minimum: float
    """Probability from which a state is returned."""

    def named(self, issues: Callable[[str], bool] = _as_likely) -> str | None:
        """Return the state, None below the minimum.

        `issues` says whether the plate's serial is of a state's series; without it, the name alone counts.
        """
        weighed = [
            (state, odds if state is None or issues(state) else odds * OTHER_SERIES)
            for state, odds in self.odds
        ]
        best, most = max(weighed, key=lambda one: one[1])
        return best if most >= self.minimum * sum(odds for _, odds in weighed) else None


UNREAD: Final = StateOdds(((None, 1.0),), 1.0)
"""Of a plate whose name is illegible."""


class StateReader:
    """Reads the names of states on plates, many at a time."""

    def __init__(
        self, network: Network, *, minimum: float, issuers: Collection[str] | None = None
    ) -> None:
        """Set up a reader of names.

        Args:
            network: takes `edges` (N, 80, 192, 3), gives log-probabilities `region` (N, R). Its metadata holds
                its version and its regions.
            minimum: probability from which a state is returned.
            issuers: the states that may be returned, such as `US-CA`; all that the network knows if None.

        Raises: NoSuchModel if the network's metadata lacks either.
        """
        self._network = network
        self._minimum = minimum
        self._version = fact(network, "version")
        regions = fact(network, "regions").split(",")
        self._regions = tuple(None if one == UNKNOWN else f"US-{one}" for one in regions)
        known = frozenset(one for one in self._regions if one is not None)
        self.issuers = known if issuers is None else known & frozenset(issuers)
        """The states that it may return."""

    @property
    def version(self) -> str:
        """The network's version."""
        return self._version

    def read(self, plates: Sequence[tuple[NDArray[np.uint8], Quad]]) -> list[StateOdds]:
        """Return how likely each state is to have issued each plate, in ISO 3166-2, such as `US-CA`.

        Args:
            plates: frames, (H, W, 3) uint8 BGR, each with a plate's corners in it, px.
        """
        found = [UNREAD] * len(plates)
        wide = [i for i, (_, quad) in enumerate(plates) if size_px(quad)[0] >= NARROWEST_PX]
        for start in range(0, len(wide), BATCH):
            part = wide[start : start + BATCH]
            outputs = self._network.run(np.stack([cut_edges(*plates[i]).picture for i in part]))
            for i, odds in zip(part, outputs["region"], strict=True):
                found[i] = self._odds(odds)
        return found

    def _odds(self, logarithms: NDArray[np.float32]) -> StateOdds:
        by_state = zip(self._regions, np.exp(logarithms, dtype=np.float64).tolist(), strict=True)
        return StateOdds(
            tuple((state if state in self.issuers else None, odds) for state, odds in by_state),
            self._minimum,
        )


@dataclass(frozen=True, slots=True)
class Edges:
    """A plate's upper edge over its lower edge."""

    picture: NDArray[np.uint8]
    """(80, 192, 3) uint8 BGR."""
    matrix: NDArray[np.float64]
    """(3, 3), from the frame to the whole plate that they are cut from."""

    def placed(self, points: NDArray[np.float32]) -> list[tuple[int | None, float]]:
        """Locate points of the frame, (n, 2) px: which edge each is in, 0 or 1 or None, and its x there."""
        if len(points) == 0:
            return []
        here = cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), self.matrix)
        return [
            (0 if y < STRIP_PX else 1 if y >= NAMES_PLATE_PX - STRIP_PX else None, float(x))
            for x, y in here.reshape(-1, 2)
        ]


def cut_edges(frame: NDArray[np.uint8], quad: Quad) -> Edges:
    """Cut out a plate's edges as the network sees them, in training too.

    Args:
        frame: (H, W, 3) uint8 BGR.
        quad: (4, 2) px; see `rectify`.
    """
    size = NAMES_WIDTH_PX, NAMES_PLATE_PX
    plate, matrix = rectify(frame, quad, NAMES_MARGIN_ACROSS, NAMES_MARGIN_UP, size)
    return Edges(np.concatenate([plate[:STRIP_PX], plate[-STRIP_PX:]]), matrix)
