"""Finds the weights of our own networks and computes their digest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.recognition.engine.weights import NoSuchModel

OWN: Final = "plateward"
"""Our own engine's name in the settings."""
FOLDER: Final = Path(__file__).parents[1] / "models"


@dataclass(frozen=True, slots=True)
class OwnWeights:
    """The five networks; they are evaluated together."""

    detector: Path
    second_detector: Path
    reader: Path
    second_reader: Path
    states: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (
            self.detector,
            self.second_detector,
            self.reader,
            self.second_reader,
            self.states,
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all files."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def digest_of(*digests: str) -> str:
    """Return the SHA-256 (hex) over several, of networks that read together."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def find_own(folder: Path = FOLDER) -> OwnWeights:
    """Return the weights in a folder, by default those that ship with the service.

    Raises: NoSuchModel if one of them is missing.
    """
    names = ("detector", "second_detector", "reader", "second_reader", "states")
    weights = OwnWeights(*(folder / f"{name}.onnx" for name in names))
    for path in weights.files:
        if not path.is_file():
            raise NoSuchModel(f"{OWN} needs {path.name}, which is missing in {folder}")
    return weights
