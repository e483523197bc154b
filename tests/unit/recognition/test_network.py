from pathlib import Path

import numpy as np

from services.recognition.engine.network import OnnxNetwork
from tests.unit.recognition.onnx_file import casting


def threads():
    return len(list(Path("/proc/self/task").iterdir()))


def test_a_network_file_gives_its_outputs_and_metadata_by_name(tmp_path):
    path = tmp_path / "network.onnx"
    path.write_bytes(casting("frames", ("score", "corners"), {"version": "7", "regions": "a,b"}))
    OnnxNetwork(path)  # the library starts a thread of its own for the first one
    before = threads()
    network = OnnxNetwork(path)
    pictures = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    outputs = network.run(pictures)
    assert set(outputs) == {"score", "corners"}
    assert outputs["score"].dtype == np.float32
    assert (outputs["corners"] == pictures).all()
    assert network.about == {"version": "7", "regions": "a,b"}
    assert threads() == before, "it runs in the thread that calls it"
