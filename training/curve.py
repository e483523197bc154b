"""Draws a training log as a picture: `python -m training.curve training/runs/NAME/log.jsonl OUT.png`."""

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

SHARES = ("exact", "folded", "region", "plate", "recall", "right", "told", "told_right")


def draw_loss(log: Path, target: Path, title: str) -> None:
    """Draw the loss and the held-out shares of `log` (a JSON line each report) into a PNG."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [line["step"] for line in lines]
    if not lines:
        raise ValueError(f"{log} has no line yet")
    figure = Figure(figsize=(7, 4), dpi=110)
    losses = figure.add_subplot()
    losses.plot(steps, [line["loss"] for line in lines], color="tab:red", label="training loss")
    losses.set(xlabel="step", ylabel="training loss", yscale="log", title=title)
    shares = losses.twinx()
    for name in SHARES:
        if name in lines[0]:
            shares.plot(steps, [line[name] for line in lines], label=f"held out: {name}")
    shares.set(ylabel="share, held out", ylim=(0, 1))
    figure.legend(loc="lower center", ncols=4, fontsize=8)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(target)


if __name__ == "__main__":
    draw_loss(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[1]).parent.name)
