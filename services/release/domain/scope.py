"""The rule for the width of a request."""

from shared.core.narrowness import Breadth, too_wide
from shared.core.plates import PlatePattern
from shared.core.policy import Narrowness
from shared.events import ReleaseCriteria


def check_scope(asked: ReleaseCriteria, rule: Narrowness, *, at: str = "") -> None:
    """Raise InvalidInput, naming the field, for a release that is wider than a search may be.

    `at` is the path of the criteria in the request's body, with a trailing dot.
    """
    breadth = Breadth(
        pattern=None if asked.plate is None else PlatePattern.parse(asked.plate),
        captured_from=asked.captured_from,
        captured_to=asked.captured_to,
        names_place=bool(asked.device_ids),
    )
    if (refusal := too_wide(breadth, rule, at=at)) is not None:
        raise refusal
