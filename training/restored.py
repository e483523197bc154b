"""Makes trainable weights of the reader of states again from its ONNX file, for a run that goes on from the network
in service when the weights it was exported from are no longer at hand.

An exported network computes the same and lacks two things. Its batch norms are folded into their convolutions: each
gets back the mean and the variance of its input over rendered plates, and the scale and offset at which it changes
nothing. The head that spells the letters, which only training uses, is fitted alone.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from training import names, train_names
from training.columns import at_places
from training.name_net import NameNet
from training.names import NamedPlates, Names
from training.samples import REGIONS
from training.saved import weights_of

SUFFIX: Final = ".onnx"
PLATES: Final = 1500
"""Rendered plates that the batch norms' means and variances are of."""
SEED: Final = 5
EXPORTED: Final = "net."
"""What the names of weights begin with that the exporter left as they are; see `name_net.Exported`."""
BATCH: Final = 100
FITTING_STEPS: Final = 150
FITTING_RATE: Final = 1e-2

Weights = dict[str, Tensor]


class NotTheNetwork(Exception):
    """An ONNX file is not one of the reader of states as `training.export` writes it."""


def start_of(file: Path) -> Weights:
    """Return the weights that a run begins with: those of a run's `last`, of a `.pt` file, or of `states.onnx`.

    Raises: NotTheNetwork, NotAWrite, FileNotFoundError.
    """
    if file.suffix != SUFFIX:
        return weights_of(file)
    rng = np.random.default_rng(SEED)
    weights: Weights = restored(file, names.drawn(rng, NamedPlates(), PLATES), rng).state_dict()
    return weights


def restored(
    file: Path, plates: Names, rng: np.random.Generator, steps: int = FITTING_STEPS
) -> NameNet:
    """Return the network of an ONNX file; it answers as the file does, and can be trained.

    Args:
        file: what `export.export_states` wrote.
        plates: those that the batch norms are measured and the letters' head is fitted on.
        rng: disturbs the plates as training does.
        steps: of the fit.

    Raises: NotTheNetwork.
    """
    net = NameNet(len(REGIONS))
    folded = list(_convolutions(net))
    _fill(net, file, folded)
    net.eval()
    pictures = train_names.disturbed(rng, np.array(plates.edges))
    _unfold(net, [norm for _, norm in folded], pictures)
    _fit_letters(net, plates, rng, steps)
    return net


def _convolutions(net: NameNet) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Yield each convolution that a batch norm follows, in the order of the graph."""
    layers = [
        layer for layer in net.body.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)
    ]
    yield from zip(layers[::2], layers[1::2], strict=True)


def _matrices(net: NameNet) -> Iterator[nn.Linear]:
    """Yield the linear layers that the graph multiplies by, in its order."""
    for mixer in net.mix:
        yield from (mixer.qkv, mixer.out, mixer.feed[1], mixer.feed[3])
    yield net.weigh


@torch.no_grad()
def _fill(net: NameNet, file: Path, folded: Sequence[tuple[nn.Conv2d, nn.BatchNorm2d]]) -> None:
    """Copy the graph's weights; a batch norm gets its convolution's offset and changes nothing else."""
    graph = onnx.load(file).graph
    stored = {
        one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer
    }
    named = {
        name.removeprefix(EXPORTED): weights
        for name, weights in stored.items()
        if name.startswith(EXPORTED)
    }
    used = [(node.op_type, node.input) for node in graph.node]
    kernels = [
        inputs for kind, inputs in used if kind == "Conv" and not inputs[1].startswith(EXPORTED)
    ]
    matrices = [
        stored[inputs[1]] for kind, inputs in used if kind == "MatMul" and inputs[1] in stored
    ]
    try:
        net.load_state_dict(net.state_dict() | named)
        for (convolution, norm), (_, kernel, offset) in zip(folded, kernels, strict=True):
            convolution.weight.copy_(stored[kernel])
            norm.bias.copy_(stored[offset])
            norm.running_var.fill_(1 - norm.eps)
        for linear, matrix in zip(_matrices(net), matrices, strict=True):
            linear.weight.copy_(matrix.T)
    except (RuntimeError, ValueError, KeyError) as fault:
        raise NotTheNetwork(f"{file} is no network of states' names: {fault}") from fault


@torch.no_grad()
def _unfold(net: NameNet, norms: Sequence[nn.BatchNorm2d], pictures: NDArray[np.uint8]) -> None:
    """Give each batch norm its input's mean and variance, and the scale and offset at which it changes nothing."""
    sums = {norm: torch.zeros(2, norm.num_features, dtype=torch.float64) for norm in norms}
    counts = dict.fromkeys(norms, 0)

    def add(norm: Any, inputs: tuple[Tensor]) -> None:
        values = inputs[0].double()
        sums[norm] += torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))])
        counts[norm] += values.numel() // values.shape[1]

    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    for start in range(0, len(pictures), BATCH):
        net(torch.from_numpy(pictures[start : start + BATCH]))
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, square = sums[norm] / counts[norm]
        variance = square - mean.square()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)


def _fit_letters(net: NameNet, plates: Names, rng: np.random.Generator, steps: int) -> None:
    """Fit the letters' head on the columns as they are."""
    optimiser = torch.optim.AdamW(net.letters.parameters(), lr=FITTING_RATE)
    for _ in range(steps):
        at = rng.integers(0, len(plates.states), 64)
        with torch.no_grad():
            pictures = train_names.disturbed(rng, np.array(plates.edges[at]))
            columns = net.columns(torch.from_numpy(pictures))
        truth = train_names.aligned(np.array(plates.letters[at]))
        loss = at_places(net.letters(columns), torch.from_numpy(truth))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
