"""Restores a network for training from the ONNX file that the service runs.

The file has batch norms folded into the convolutions before them. Each norm gets back statistics of pictures that
are given, and the scale and shift with which the network computes the same as before. A head that only training has
begins at zero: so it disturbs nothing below it while it learns.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

SPREAD: Final = 2.0
"""Standard deviation of a filter's weights beside a new filter's: its scale is free, since a norm follows."""

Tensors = dict[str, NDArray[Any]]


class OtherNetwork(Exception):
    """An ONNX file does not fit the network."""


@torch.no_grad()
def restore(net: nn.Module, file: Path, pictures: torch.Tensor) -> list[str]:
    """Load the weights of an exported network, in place.

    Args:
        net: the network, as it was trained.
        file: what `training.export` wrote.
        pictures: uint8 pictures as the network reads them, some hundreds; norms get their statistics.

    Returns: the names of parameters that the file lacks; they are zero now. Raises: OtherNetwork.
    """
    graph = onnx.load(file).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    missing = dict(net.named_parameters())
    for name, array in stored.items():
        parameter = missing.pop(name.removeprefix("net."), None)
        if parameter is not None:
            _copy(parameter, array, name)
    for node in graph.node:
        path = _module_of(node.name)
        tensors = [stored[name] for name in node.input if name in stored]
        if node.op_type == "Conv" and f"{path}.weight" in missing:
            norm = _norm_behind(net, path)
            _copy(missing.pop(f"{path}.weight"), tensors[0], path)
            _pass_on(norm, tensors[1])
            for name in ("weight", "bias"):
                missing.pop(f"{_behind(path)}.{name}")
        elif node.op_type == "MatMul" and tensors and f"{path}.weight" in missing:
            _copy(missing.pop(f"{path}.weight"), tensors[0].T, path)
    for parameter in missing.values():
        parameter.zero_()
    _normalise(net, pictures)
    return sorted(missing)


def _module_of(node: str) -> str:
    """Return the module that a node of the graph is of: `/net/body/body.2/first/first.0/Conv` is of body.2.first.0."""
    path, before = "", ""
    for scope in node.split("/")[2:-1]:
        inner = before and scope.startswith(f"{before}.")
        path = path + scope[len(before) :] if inner else f"{path}.{scope}"
        before = scope
    return path.removeprefix(".")


def _behind(path: str) -> str:
    parent, _, number = path.rpartition(".")
    return f"{parent}.{int(number) + 1}"


def _norm_behind(net: nn.Module, path: str) -> nn.BatchNorm2d:
    norm = net.get_submodule(_behind(path))
    if not isinstance(norm, nn.BatchNorm2d):
        raise OtherNetwork(f"no batch norm follows {path}")
    return norm


def _copy(parameter: torch.Tensor, array: NDArray[Any], name: str) -> None:
    if parameter.shape != array.shape:
        raise OtherNetwork(
            f"{name} is {array.shape} in the file and {tuple(parameter.shape)} in the network"
        )
    parameter.copy_(torch.from_numpy(np.array(array)))


def _pass_on(norm: nn.BatchNorm2d, bias: NDArray[Any]) -> None:
    """Make a norm that only adds the bias of the folded convolution."""
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.copy_(torch.from_numpy(np.array(bias)))


def _normalise(net: nn.Module, pictures: torch.Tensor) -> None:
    """Give each norm the statistics of its input, and the scale and shift that undo them."""
    found: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(norm: nn.Module, given: tuple[torch.Tensor]) -> None:
        values = given[0].float().transpose(0, 1).flatten(1)
        found[norm] = values.mean(1), values.var(1)

    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    net.eval()
    net(pictures)
    net.train()
    for hook in hooks:
        hook.remove()
    filters = {
        _behind(name): module
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d) and module.bias is None
    }
    for name, filter_ in filters.items():
        norm = net.get_submodule(name)
        mean, variance = found[norm]
        weights = filter_.weight
        fresh = 1 / (3 * weights[0].numel()) ** 0.5
        scale = SPREAD * fresh / weights.flatten(1).std(1).clamp(min=1e-6)
        weights.mul_(scale.view(-1, 1, 1, 1))
        # The norm's factor is weight / sqrt(variance + eps); the scale of the filter cancels.
        deviation = (variance * scale.square() + norm.eps).sqrt()
        norm.bias.add_(mean)
        norm.weight.copy_(deviation / scale)
        norm.running_mean.copy_(mean * scale)
        norm.running_var.copy_(variance * scale.square())
