"""Renders a folder of scenes with their truth: `python -m scenes OUT_DIR --count 12`."""

import argparse
import csv
from pathlib import Path

from scenes import CONDITIONS, Scene, encode_jpeg, render_scene

TRUTH_COLUMNS = ("file", "x", "y", "w", "h", "plate", "state")


def main() -> None:
    """Write `scene-NNNN.jpg` files and truth.csv (file, x, y, w, h in px, plate, state; a row per plate)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--condition", choices=CONDITIONS, help="if not given, all in turn")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("W", "H"))
    wanted = parser.parse_args()
    wanted.out_dir.mkdir(parents=True, exist_ok=True)
    with (wanted.out_dir / "truth.csv").open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(TRUTH_COLUMNS)
        for place in range(wanted.count):
            condition = wanted.condition or CONDITIONS[place % len(CONDITIONS)]
            scene = render_scene(wanted.seed + place, condition=condition, size=tuple(wanted.size))
            table.writerows(_write(wanted.out_dir / f"scene-{place:04d}.jpg", scene))


def _write(path: Path, scene: Scene) -> list[tuple[str | int, ...]]:
    path.write_bytes(encode_jpeg(scene.frame, scene.jpeg_quality))
    return [(path.name, *plate.box, plate.plate, plate.state) for plate in scene.truth]


if __name__ == "__main__":
    main()
