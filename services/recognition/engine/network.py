"""The interface of a network: its input, its named outputs and its metadata; and ONNX Runtime behind it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.weights import NoSuchModel


class Network(Protocol):
    """Maps a batch of pictures to several arrays."""

    @property
    def about(self) -> Mapping[str, str]:
        """Metadata that its author stored with it: version, alphabet, margins."""

    def run(self, pictures: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Return every output by its name.

        Args:
            pictures: (N, H, W, 3) uint8, BGR.
        """


def fact(network: Network, name: str) -> str:
    """Return one value of a network's metadata. Raises: NoSuchModel if it is absent."""
    try:
        return network.about[name]
    except KeyError:
        raise NoSuchModel(f"the network's file has no {name} in its metadata") from None


class OnnxNetwork:
    """An ONNX file on ONNX Runtime; runs in the calling thread only."""

    def __init__(self, path: Path) -> None:
        import onnxruntime  # starts a thread: in workers only

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        [given] = self._session.get_inputs()
        self._input: str = given.name
        self._outputs: list[str] = [output.name for output in self._session.get_outputs()]
        self._about = dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def about(self) -> Mapping[str, str]:
        """The file's own metadata."""
        return self._about

    def run(self, pictures: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Return every output by its name; see `Network.run`."""
        values = self._session.run(self._outputs, {self._input: pictures})
        return dict(zip(self._outputs, values, strict=True))
