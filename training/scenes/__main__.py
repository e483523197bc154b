"""Composes patches into arrays: `python -m training.scenes --out DIR --count 2000 --seed 1`.

Writes images.npy (N, H, W, 3) uint8 BGR, corners.npy (N, 6, 4, 2) float32 px, exact.npy (N, 6) bool
and ignore.npy (N, 6, 4) float32 px into the folder; missing values are NaN.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from scenes.model import Image
from training.flat import flat_plate
from training.scenes import Backgrounds, compose, plateless
from training.scenes.compose import MAX_PLATES

MAX_IGNORED = 6


def main() -> None:
    """Read the arguments and write the arrays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="320x192", help="width x height in px")
    parser.add_argument("--dashcam", type=Path, help="folder with boxes.csv and its frames")
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--cache", type=Path, default=Path("var/training"))
    parser.add_argument("--scenes", type=int, default=300, help="rendered streets in the cache")
    parser.add_argument("--plates", type=int, default=3000, help="rendered plates in the cache")
    parser.add_argument(
        "--plateless", action="store_true", help="whole frames without plates, as JPEG"
    )
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(side) for side in wanted.size.split("x"))
    backgrounds = Backgrounds.load(
        wanted.cache,
        dashcam=wanted.dashcam,
        split=wanted.split,
        scenes=wanted.scenes,
        plates=wanted.plates,
        render=flat_plate,
        label="styles",
    )
    wanted.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    if wanted.plateless:
        _write_plateless(wanted.out, backgrounds, wanted.count, wanted.seed)
    else:
        _write(wanted.out, backgrounds, wanted.count, wanted.seed, (width, height))
    print(f"{wanted.count / (time.perf_counter() - start):.1f} pictures/s")


def _write(
    out: Path, backgrounds: Backgrounds, count: int, seed: int, size: tuple[int, int]
) -> None:
    """Write the samples; sample i depends on `seed` and i alone."""
    images = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        out / "images.npy", "w+", np.uint8, (count, size[1], size[0], 3)
    )
    corners = np.full((count, MAX_PLATES, 4, 2), np.nan, np.float32)
    exact = np.zeros((count, MAX_PLATES), np.bool_)
    ignore = np.full((count, MAX_IGNORED, 4), np.nan, np.float32)
    for place in range(count):
        sample = compose(np.random.default_rng([seed, place]), backgrounds, size)
        images[place] = sample.image
        plates, regions = len(sample.corners), min(len(sample.ignore), MAX_IGNORED)
        corners[place, :plates] = sample.corners
        exact[place, :plates] = sample.exact
        ignore[place, :regions] = sample.ignore[:regions]
    images.flush()
    for name, values in (("corners", corners), ("exact", exact), ("ignore", ignore)):
        np.save(out / f"{name}.npy", values)


def _write_plateless(out: Path, backgrounds: Backgrounds, count: int, seed: int) -> None:
    for place in range(count):
        frame: Image = plateless(np.random.default_rng([seed, place]), backgrounds)
        cv2.imwrite(str(out / f"plateless-{place:05d}.jpg"), frame)


if __name__ == "__main__":
    main()
