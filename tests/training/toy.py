"""A run of a tiny network, for tests of sittings, and networks as training leaves them."""

import hashlib
import time
from dataclasses import replace

import numpy as np
import torch

from training import loop
from training.pausing import Pause
from training.rendering import HARD, VALIDATION
from training.run import Run
from training.sitting import Sitting

RUN = Run(
    name="toy", net="reader", purpose="tests", commit="0" * 40, seed=3, start="", dashcam=0, steps=160,
    rate=0.02, batch=16, reuse=2, gap=3, held_out=64, held_out_seed=9, training=HARD, validation=VALIDATION,
)  # fmt: skip


class Toy:
    """Learns a sum; writes a line for each share of a batch, by which tests compare pictures."""

    recipe = loop.Recipe(batch=16, clip=5.0, decay=0.9)
    shares = 2

    def __init__(self, trace, slow_s=0.0):
        self._trace, self._slow_s = trace, slow_s

    def net(self):
        return torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.SiLU(), torch.nn.Linear(8, 1)
        )

    def optimiser(self, net, rate):
        return loop.adamw(net, rate, 0.01)

    def draw(self, rng, count):
        return rng.normal(0, 1, (count, 4)).astype(np.float32)

    draw_held_out = draw

    def join(self, groups):
        return np.concatenate(groups)

    def loss(self, net, group, at, rng):
        time.sleep(self._slow_s)
        pictures = group[at] + rng.normal(0, 0.01, (len(at), 4)).astype(np.float32)
        with self._trace.open("a") as lines:
            lines.write(hashlib.sha256(pictures.tobytes()).hexdigest() + "\n")
        return self._error(net, pictures)

    def validate(self, net, group, pause):
        pause()
        net.eval()
        with torch.no_grad():
            error = float(self._error(net, group))
        net.train()
        return {"exact": max(0.0, 1 - error), "folded": 0.0}

    def _error(self, net, pictures):
        given = torch.from_numpy(pictures)
        return (net(given).squeeze(1) - given.sum(1)).square().mean()


def sitting(
    folder, trace, *, locks=(), slow_s=0.0, every_s=0.05, steps=RUN.steps, threads=1, ahead=None
):
    """Return a sitting of the toy run."""
    torch.set_num_threads(1)
    folder.mkdir(exist_ok=True)
    run, toy = replace(RUN, steps=steps), Toy(trace, slow_s)
    return Sitting(folder, run, toy, Pause(locks), every_s, threads, ahead)


def lived(net, batches):
    """Return a network whose norms have statistics, of batches of pictures."""
    net.train()
    with torch.no_grad():
        for pictures in batches:
            net(torch.from_numpy(pictures))
    return net.eval()
