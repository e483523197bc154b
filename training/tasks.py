"""What a run of each network does: renders groups of pictures, learns from them, counts on held-out ones."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training import loop, names, patches, train_detector, train_names, train_reader
from training.detector_net import DetectorNet
from training.distilling import Teachers
from training.files import joined
from training.flat import flat_plate
from training.name_net import NameNet
from training.names import NamedPlates, Names
from training.patches import Patches
from training.plates import PlateRenderer
from training.reader_net import USUAL, ReaderNet
from training.rendering import Rendering
from training.run import ROOT, CannotRun, Run
from training.samples import REGIONS, Samples, drawn
from training.saved import NotAWrite
from training.scenes import Backgrounds, compose
from training.scenes.backgrounds import Split, read_boxes

GROUP: Final = 16
"""The most pictures that are rendered between two pauses; about a tenth of a second."""
AT_ONCE: Final = 100
"""Pictures that are validated between two pauses."""

SCENES: Final = 300
"""Rendered streets that the detector's patches are cut from; ten plates each."""

Pausing = Callable[[], None]


class Task(Protocol):
    """A network's task. `Any` is its pictures with their labels."""

    recipe: loop.Recipe
    shares: int
    """A batch is learnt in so many shares, with a pause between them, each with statistics of its own."""

    def net(self) -> torch.nn.Module:
        """Return the network with random weights."""

    def optimiser(self, net: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
        """Return its optimiser."""

    def draw(self, rng: np.random.Generator, count: int) -> Any:
        """Render pictures of the training's configuration."""

    def draw_held_out(self, rng: np.random.Generator, count: int) -> Any:
        """Render pictures of the validation's configuration."""

    def join(self, groups: Sequence[Any]) -> Any:
        """Return the pictures of several groups as one."""

    def loss(
        self, net: torch.nn.Module, group: Any, at: NDArray[np.int64], rng: np.random.Generator
    ) -> torch.Tensor:
        """Return the loss of some pictures of a group; the generator augments them."""

    def validate(self, net: torch.nn.Module, group: Any, pause: Pausing) -> dict[str, float]:
        """Return figures of a network on held-out pictures."""


class Reading:
    """The plate reader's task."""

    recipe = train_reader.RECIPE
    shares = 2

    def __init__(self, run: Run) -> None:
        cv2.setNumThreads(1)
        self._widths = run.widths or USUAL
        self._teachers = _teachers(run)
        self._training = PlateRenderer(rendering=run.training)
        self._validation = PlateRenderer(cached_per_style=4, rendering=run.validation)

    def net(self) -> torch.nn.Module:
        """See `Task`."""
        return ReaderNet(len(REGIONS), self._widths)

    def optimiser(self, net: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
        """See `Task`."""
        return loop.adamw(net, rate, train_reader.WEIGHT_DECAY)

    def draw(self, rng: np.random.Generator, count: int) -> Samples:
        """See `Task`."""
        return Samples(*drawn(rng, self._training, count))

    def draw_held_out(self, rng: np.random.Generator, count: int) -> Samples:
        """See `Task`."""
        return Samples(*drawn(rng, self._validation, count))

    def join(self, groups: Sequence[Samples]) -> Samples:
        """See `Task`."""
        return joined(groups)

    def loss(
        self, net: Any, group: Samples, at: NDArray[np.int64], rng: np.random.Generator
    ) -> torch.Tensor:
        """See `Task`."""
        return train_reader.loss_of(net, group, at, rng, self._teachers)

    def validate(self, net: Any, group: Samples, pause: Pausing) -> dict[str, float]:
        """See `Task`."""
        figures: dict[str, float] = train_reader.validate(net, group, AT_ONCE, pause)
        return figures


def _teachers(run: Run) -> Teachers | None:
    """Load the readers that a run learns from, if it names any. Raises: CannotRun."""
    if not run.teachers:
        return None
    try:
        return Teachers.load([ROOT / file for file in run.teachers])
    except (FileNotFoundError, NotAWrite) as fault:
        raise CannotRun(f"Run {run.name} has a teacher that cannot be loaded: {fault}") from fault


class Naming:
    """The task of the reader of states' names. Its plates have no configuration; the held-out ones have typefaces of
    their own."""

    recipe = train_names.RECIPE
    shares = 2

    def __init__(self, _: Run) -> None:
        cv2.setNumThreads(1)
        self._training = NamedPlates()
        self._validation = names.held_out_plates()

    def net(self) -> torch.nn.Module:
        """See `Task`."""
        return NameNet(len(REGIONS))

    def optimiser(self, net: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
        """See `Task`."""
        return loop.adamw(net, rate, train_names.WEIGHT_DECAY)

    def draw(self, rng: np.random.Generator, count: int) -> Names:
        """See `Task`."""
        return names.drawn(rng, self._training, count)

    def draw_held_out(self, rng: np.random.Generator, count: int) -> Names:
        """See `Task`."""
        return names.drawn(rng, self._validation, count)

    def join(self, groups: Sequence[Names]) -> Names:
        """See `Task`."""
        return joined(groups)

    def loss(
        self, net: Any, group: Names, at: NDArray[np.int64], rng: np.random.Generator
    ) -> torch.Tensor:
        """See `Task`."""
        return train_names.loss_of(net, group, at, rng)

    def validate(self, net: Any, group: Names, pause: Pausing) -> dict[str, float]:
        """See `Task`."""
        figures: dict[str, float] = train_names.validate(net, group, AT_ONCE, pause)
        return figures


class Detecting:
    """The detector's task. Streets and plates that scenes are composed of are rendered once into a cache."""

    recipe = train_detector.RECIPE
    shares = 2

    def __init__(
        self, run: Run, cache: Path, dashcam: Path | None, pause: Pausing, scenes: int = SCENES
    ) -> None:
        cv2.setNumThreads(1)
        frames = len(read_boxes(dashcam / "boxes.csv")) if dashcam else 0
        if run.dashcam != frames:
            raise CannotRun(
                f"Run {run.name} needs {run.dashcam} dashcam frames and found {frames}: DASHCAM=dir names the folder"
            )
        self._renderings = run.training, run.validation
        load = partial(loaded, cache=cache, dashcam=dashcam, pause=pause, scenes=scenes)
        self._training = load("train", run.training)
        self._validation = load("val", run.validation)

    def net(self) -> torch.nn.Module:
        """See `Task`."""
        return DetectorNet()

    def optimiser(self, net: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
        """See `Task`."""
        return torch.optim.AdamW(
            net.parameters(), lr=rate, weight_decay=train_detector.WEIGHT_DECAY, betas=loop.BETAS
        )

    def draw(self, rng: np.random.Generator, count: int) -> Patches:
        """See `Task`."""
        return composed(rng, self._training, self._renderings[0], count)

    def draw_held_out(self, rng: np.random.Generator, count: int) -> Patches:
        """See `Task`."""
        return composed(rng, self._validation, self._renderings[1], count)

    def join(self, groups: Sequence[Patches]) -> Patches:
        """See `Task`."""
        return joined(groups)

    def loss(
        self, net: Any, group: Patches, at: NDArray[np.int64], rng: np.random.Generator
    ) -> torch.Tensor:
        """See `Task`."""
        images = train_detector.disturbed(rng, group.images[at])
        return train_detector.loss_of(net, images, train_detector.Targets(group, at))

    def validate(self, net: Any, group: Patches, pause: Pausing) -> dict[str, float]:
        """See `Task`."""
        figures: dict[str, float] = train_detector.validate(net, group, AT_ONCE // 4, pause)
        return figures


def loaded(
    split: Split,
    rendering: Rendering,
    *,
    cache: Path,
    dashcam: Path | None,
    pause: Pausing = lambda: None,
    scenes: int = SCENES,
) -> Backgrounds:
    """Load the material of a configuration's scenes; what the folder `cache` lacks is rendered first."""

    def render(rng: np.random.Generator) -> Any:
        pause()
        return flat_plate(rng, rendering)

    label = hashlib.sha256(repr(rendering).encode()).hexdigest()[:12]
    return Backgrounds.load(
        cache,
        dashcam=dashcam,
        split=split,
        scenes=scenes,
        plates=10 * scenes,
        render=render,
        label=label,
        pause=pause,
    )


def composed(
    rng: np.random.Generator, backgrounds: Backgrounds, rendering: Rendering, count: int
) -> Patches:
    """Compose patches."""
    scenes = [compose(rng, backgrounds, rendering=rendering) for _ in range(count)]
    return patches.gathered(scenes)
