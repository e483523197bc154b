"""The pictures of each step, rendered as they are used and never stored.

They follow from the run's seed and the step's number alone, so a run that was cut sees the same ones as a run that
was not. Rendering costs about as much as learning, so a group of pictures serves several steps: step n has group n
and the groups of the steps `gap`, 2 `gap` … before it. Each use is augmented anew.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

Group = TypeVar("Group")

_RENDERING, _AUGMENTING, _VALIDATION = 1, 2, 3
"""What a generator is for: no two purposes share one."""


Key = tuple[int, int, int]
"""What the generator of a group is seeded with."""


class Fresh(Generic[Group]):
    """Renders groups of pictures and holds those that later steps need.

    Args:
        begin: begins to render a group with a generator of this key, and returns what waits for it.
        seed: the run's.
        reuse: how many steps a group serves.
        gap: steps between two uses.
        ahead: groups of so many next steps are begun, too.
    """

    def __init__(
        self,
        begin: Callable[[Key], Callable[[], Group]],
        seed: int,
        *,
        reuse: int,
        gap: int,
        ahead: int = 0,
    ) -> None:
        self._begin, self._seed = begin, seed
        self._reuse, self._gap, self._ahead = reuse, gap, ahead
        self._begun: dict[int, Callable[[], Group]] = {}
        self._held: dict[int, Group] = {}

    def of(self, step: int) -> list[Group]:
        """Return the groups of a step, newest first."""
        oldest = step - (self._reuse - 1) * self._gap
        for number in [n for n in self._held if n < oldest]:
            del self._held[number]
        needed = [step - use * self._gap for use in range(self._reuse)]
        for number in (*needed, *range(step + 1, step + 1 + self._ahead)):
            if number not in self._held and number not in self._begun:
                self._begun[number] = self._begin(self._key(number))
        for number in needed:
            if number not in self._held:
                self._held[number] = self._begun.pop(number)()
        return [self._held[number] for number in needed]

    def _key(self, number: int) -> Key:
        # Groups before the first step have negative numbers; a generator wants none.
        return self._seed, _RENDERING, number + self._reuse * self._gap


def augmenting(seed: int, step: int, shares: int) -> list[np.random.Generator]:
    """Return the generators that augment the shares of a step's pictures."""
    return np.random.default_rng((seed, _AUGMENTING, step)).spawn(shares)


def held_out(seed: int, group: int) -> np.random.Generator:
    """Return the generator of a group of the validation set."""
    return np.random.default_rng((seed, _VALIDATION, group))
