"""The file `last` of a run: averaged weights, step and seed, replaced as a whole.

A reader finds the previous file or the new one, never a part of one: it is written aside, flushed to the disk and
renamed. Matrices and kernels have 16 bits, vectors 32; the optimiser's state would be four times as much, and is
left out.
"""

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

NAME: Final = "last"
DIGEST_BYTES: Final = 32
"""The file ends with the SHA-256 digest of what is before it, an `.npz`."""
_STEP, _SEED = "/step", "/seed"
"""Names of the two numbers; no tensor's name has a slash."""

Arrays = Mapping[str, NDArray[Any]]
"""A network's tensors by name."""


class NotAWrite(Exception):
    """A file is not one that `write` made: `training/runs` was changed by other means."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a run goes on from."""

    weights: Arrays
    """Float16 and float32."""
    step: int
    seed: int

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the weights as a network loads them."""
        return {name: torch.from_numpy(array) for name, array in self.weights.items()}


def write(folder: Path, saved: Saved) -> None:
    """Replace the run's file."""
    arrays: dict[str, Any] = {name: _small(array) for name, array in saved.weights.items()}
    arrays |= {_STEP: np.array(saved.step), _SEED: np.array(saved.seed)}
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    data = packed.getvalue()
    replace(folder / NAME, data + hashlib.sha256(data).digest())


def replace(path: Path, data: bytes) -> None:
    """Replace a file's contents: after a crash at any moment it has the old ones or the new ones."""
    aside = path.with_name(f"{path.name}.new")
    with aside.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(folder: Path) -> Saved | None:
    """Return what the run last wrote; None before its first write. Raises: NotAWrite."""
    path = folder / NAME
    if not path.exists():
        return None
    return unpacked(path.read_bytes(), path)


def unpacked(whole: bytes, path: Path | str) -> Saved:
    """Return what the bytes of a file `last` contain; `path` names it in the fault. Raises: NotAWrite."""
    data, digest = whole[:-DIGEST_BYTES], whole[-DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        raise NotAWrite(f"{path} is damaged: restore it from a commit of the run")
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    step, seed = int(arrays.pop(_STEP)), int(arrays.pop(_SEED))
    return Saved(arrays, step, seed)


def weights_of(file: Path) -> dict[str, torch.Tensor]:
    """Return a network's weights from a run's `last`, or from a `.pt` file. Raises: NotAWrite, FileNotFoundError."""
    if file.name != NAME:
        weights: dict[str, torch.Tensor] = torch.load(file, weights_only=True)
        return weights
    stored = read(file.parent)
    if stored is None:
        raise FileNotFoundError(file)
    return stored.tensors()


def _small(array: NDArray[Any]) -> NDArray[Any]:
    """Return a tensor as it is stored."""
    if array.dtype != np.float32 or array.ndim < 2:
        return array
    return array.astype(np.float16)
