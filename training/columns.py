"""Saying what stands in each column of a picture, which shows a network early where to look."""

from typing import Final

import torch
from torch.nn import functional

BLANK: Final = 0.2
"""Weight of columns without a character, of which there are many."""
NOT_TRAINED: Final = -100
"""Of a column that should say nothing in particular."""


def at_places(logits: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Cross entropy of logits (N, T, C) with what should stand at each step (N, T); 0 is nothing."""
    weights = torch.ones(logits.shape[2])
    weights[0] = BLANK
    flat = logits.float().flatten(0, 1)
    return functional.cross_entropy(flat, where.flatten(), weights, ignore_index=NOT_TRAINED)
