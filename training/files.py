"""Stores samples as a folder of .npy files of equal length, rendered in blocks and read memory-mapped."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Shapes = Mapping[str, tuple[int, ...]]
"""The files of a folder, and the shape of one sample in each; all uint8."""
Block = Callable[[tuple[int, int]], tuple[NDArray[np.uint8], ...]]
"""Renders a number of samples from one seed: an array for each file, in their order. Picklable."""


class _Arrays(Protocol):
    """A dataclass whose fields are arrays of equal length."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Arrays = TypeVar("Arrays", bound=_Arrays)


def write_blocks(
    folder: Path, shapes: Shapes, render: Block, *, count: int, seed: int, block: int, workers: int
) -> None:
    """Render `count` samples into `folder`, each block from its own seed; the same for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(seed * 100_000 + i, min(block, count - i * block)) for i in range(-(-count // block))]
    out = {
        name: np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            folder / f"{name}.npy", "w+", np.uint8, (count, *shape)
        )
        for name, shape in shapes.items()
    }
    with get_context("spawn").Pool(workers) as pool:
        for number, blocks in enumerate(pool.imap(render, jobs)):
            at = slice(number * block, number * block + len(blocks[0]))
            for array, part in zip(out.values(), blocks, strict=True):
                array[at] = part
            print(f"{at.stop}/{count}", flush=True)
    for array in out.values():
        array.flush()


def mapped(folder: Path, shapes: Shapes) -> list[NDArray[np.uint8]]:
    """Memory-map the arrays of a folder, in the order of `shapes`."""
    return [np.load(folder / f"{name}.npy", mmap_mode="r") for name in shapes]


def joined(groups: Sequence[Arrays]) -> Arrays:
    """Return the arrays of several groups of samples as one group."""
    columns = (
        np.concatenate([getattr(one, field.name) for one in groups]) for field in fields(groups[0])
    )
    return type(groups[0])(*columns)


def main(
    description: str | None, usual_count: int, write: Callable[[Path, int, int, int], None]
) -> None:
    """Render samples as the command line says: folder, count, seed, number of processes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=usual_count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    write(args.folder, args.count, args.seed, args.workers)
