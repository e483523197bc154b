"""A loss on the character in each column of a picture, which guides a network's attention early on."""

from typing import Final

import torch
from torch.nn import functional

BLANK: Final = 0.2
"""Weight of columns without a character, which are many."""
NOT_TRAINED: Final = -100
"""Label of a column that the loss ignores."""


def at_places(logits: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Cross entropy of logits (N, T, C) with the class expected at each step (N, T); 0 is the blank."""
    weights = torch.ones(logits.shape[2])
    weights[0] = BLANK
    flat = logits.float().flatten(0, 1)
    return functional.cross_entropy(flat, where.flatten(), weights, ignore_index=NOT_TRAINED)
