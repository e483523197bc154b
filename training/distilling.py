"""Distillation: a reader learns, beside the truth, what other readers say of the same pictures (Hinton, Vinyals and
Dean, "Distilling the Knowledge in a Neural Network", 2015)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import torch
from torch import Tensor

from training import precision
from training.reader_net import ReaderNet
from training.saved import weights_of

WEIGHT: Final = 1.0
"""Of the loss on what the teachers say, relative to CTC's."""


class Teachers:
    """Networks that are not trained, whose mean probabilities a student learns.

    Args:
        nets: at least one; put into the mode in which they are used, without gradients.
    """

    def __init__(self, nets: Sequence[ReaderNet]) -> None:
        self._nets = [net.eval().requires_grad_(requires_grad=False) for net in nets]

    @classmethod
    def load(cls, files: Sequence[Path]) -> Self:
        """Return the teachers of these files, each a run's `last` or a `.pt` file, as wide as their weights.

        Raises: NotAWrite, FileNotFoundError.
        """
        nets = [ReaderNet.of(weights_of(file)) for file in files]
        return cls([net.to(memory_format=torch.channels_last) for net in nets])

    def opinion(self, pictures: Tensor) -> Tensor:
        """Return the mean of their probabilities of each class at each step, (N, 80, 37), for uint8 pictures."""
        with torch.no_grad(), precision.halved():
            said = [net(pictures)[0] for net in self._nets]
        return torch.stack([one.float().softmax(2) for one in said]).mean(0)


def divergence(characters: Tensor, opinion: Tensor, lengths: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of a student from its teachers, in nats per character of the plates.

    Args:
        characters: the student's logits, (N, 80, 37).
        opinion: probabilities, of the same shape.
        lengths: characters of each picture, (N,); pictures without any add nothing.
    """
    logs = characters.float().log_softmax(2)
    each = (torch.xlogy(opinion, opinion) - opinion * logs).sum((1, 2))
    return (each / lengths.clamp(min=1) * (lengths > 0)).mean()
