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


class Fresh(Generic[Group]):
    """Renders groups of pictures and holds those that later steps need.

    Args:
        render: draws a group with a generator.
        seed: the run's.
        reuse: how many steps a group serves.
        gap: steps between two uses.
    """

    def __init__(
        self, render: Callable[[np.random.Generator], Group], seed: int, *, reuse: int, gap: int
    ) -> None:
        self._render, self._seed = render, seed
        self._reuse, self._gap = reuse, gap
        self._held: dict[int, Group] = {}

    def of(self, step: int) -> list[Group]:
        """Return the groups of a step, newest first."""
        oldest = step - (self._reuse - 1) * self._gap
        for number in [n for n in self._held if n < oldest]:
            del self._held[number]
        return [self._group(step - use * self._gap) for use in range(self._reuse)]

    def _group(self, number: int) -> Group:
        if number not in self._held:
            # Groups before the first step have negative numbers; a generator wants none.
            key = number + self._reuse * self._gap
            self._held[number] = self._render(np.random.default_rng((self._seed, _RENDERING, key)))
        return self._held[number]


def augmenting(seed: int, step: int) -> np.random.Generator:
    """Return the generator that augments a step's pictures."""
    return np.random.default_rng((seed, _AUGMENTING, step))


def held_out(seed: int, group: int) -> np.random.Generator:
    """Return the generator of a group of the validation set."""
    return np.random.default_rng((seed, _VALIDATION, group))
