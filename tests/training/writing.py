"""Writes `last` again and again: `python -m tests.training.writing FOLDER`; killed by a test."""

import itertools
import sys
from pathlib import Path

import numpy as np

from training import saved

if __name__ == "__main__":
    for step in itertools.count(1):
        weights = {"a": np.full((600, 1000), step % 2000, np.float32), "b": np.full(7, step)}
        saved.write(Path(sys.argv[1]), saved.Saved(weights, step, 5))
