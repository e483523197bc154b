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
from training.patches import gathered
from training.scenes import Backgrounds, compose, plateless


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
    stored = []
    for place in range(count):
        patch = gathered([compose(np.random.default_rng([seed, place]), backgrounds, size)])
        images[place] = patch.images[0]
        stored.append((patch.corners, patch.exact, patch.ignore))
    images.flush()
    for name, values in zip(("corners", "exact", "ignore"), zip(*stored, strict=True), strict=True):
        np.save(out / f"{name}.npy", np.concatenate(values))


def _write_plateless(out: Path, backgrounds: Backgrounds, count: int, seed: int) -> None:
    for place in range(count):
        frame: Image = plateless(np.random.default_rng([seed, place]), backgrounds)
        cv2.imwrite(str(out / f"plateless-{place:05d}.jpg"), frame)


if __name__ == "__main__":
    main()
