import numpy as np
import onnx
import pytest
import torch

from services.recognition.engine.network import OnnxNetwork
from tests.training.toy import lived
from training import export, names, restored, saved
from training.name_net import NameNet
from training.samples import REGIONS

# PyTorch's warnings about the exporter that we ask for, and about shapes that it accepts as they are.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


@pytest.fixture(scope="module")
def plates():
    return names.drawn(np.random.default_rng(4), names.NamedPlates(), 48)


@pytest.fixture(scope="module")
def trained():
    """A network as training leaves it: its batch norms have seen values."""
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    seen = [rng.integers(0, 256, (4, 80, 192, 3), np.uint8) for _ in range(3)]
    return lived(NameNet(len(REGIONS)), seen)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("states")
    torch.save(trained.state_dict(), folder / "states.pt")
    export.export_states(
        folder / "states.pt", folder / "states.onnx", temperature=0.8, version="s1"
    )
    return folder / "states.onnx"


def restore(file, plates, steps=2):
    return restored.restored(file, plates, np.random.default_rng(1), steps)


def test_the_restored_network_answers_as_the_exported_one(trained, exported, plates):
    again = restore(exported, plates).eval().requires_grad_(False)
    edges = torch.from_numpy(np.array(plates.edges))
    with torch.no_grad():
        assert torch.allclose(again(edges), trained(edges), atol=2e-3)
    file = OnnxNetwork(exported).run(np.array(plates.edges))["region"]
    assert np.allclose((again(edges) / 0.8).log_softmax(1), file, atol=3e-3)


def test_batch_norms_have_the_statistics_of_the_plates(exported, plates):
    """In training a batch norm uses the batch's statistics: with others the answers would jump at the first step."""
    again = restore(exported, plates)
    seen = {}
    norms = [norm for _, norm in restored._convolutions(again)]
    for norm in norms:
        norm.register_forward_pre_hook(lambda norm, given: seen.update({norm: given[0]}))
    with torch.no_grad():
        again.eval()(torch.from_numpy(np.array(plates.edges)))
    for norm in norms:
        # The plates that it measured were disturbed, and some of them have other colours.
        spread = norm.running_var.sqrt()
        off = (seen[norm].mean((0, 2, 3)) - norm.running_mean).abs() / spread
        assert off.max() < 0.5, off.max()
        ratio = seen[norm].std((0, 2, 3)) / spread
        assert ratio.min() > 0.6, ratio
        assert ratio.max() < 1.6, ratio


def test_the_letters_head_is_fitted_alone(exported, plates):
    short, long = restore(exported, plates, steps=0), restore(exported, plates, steps=5)
    for name, weights in long.state_dict().items():
        fitted = name.startswith("letters.")
        assert torch.equal(weights, short.state_dict()[name]) is not fitted, name


def test_a_run_may_begin_with_each_kind_of_file(trained, exported, monkeypatch):
    monkeypatch.setattr(restored, "PLATES", 8)
    monkeypatch.setattr(restored, "FITTING_STEPS", 0)
    weights = restored.start_of(exported.with_suffix(".pt"))
    assert torch.equal(weights["region.weight"], trained.state_dict()["region.weight"])
    last = {name: tensor.numpy() for name, tensor in trained.state_dict().items()}
    saved.write(exported.parent, saved.Saved(last, 7, 3))
    assert restored.start_of(exported.parent / saved.NAME).keys() == last.keys()
    again = restored.start_of(exported)
    assert again.keys() == last.keys()
    assert torch.equal(again["region.weight"], trained.state_dict()["region.weight"])


def without_a_kernel(graph):
    graph.node.remove(next(node for node in graph.node if node.op_type == "Conv"))


def with_another_shape(graph):
    last = next(one for one in graph.initializer if one.name == "net.region.weight")
    last.CopyFrom(onnx.numpy_helper.from_array(np.zeros((2, 2), np.float32), last.name))


@pytest.mark.parametrize("spoil", [without_a_kernel, with_another_shape])
def test_another_network_is_refused(exported, plates, tmp_path, spoil):
    model = onnx.load(exported)
    spoil(model.graph)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(restored.NotTheNetwork, match=r"other\.onnx is no network of states' names"):
        restore(tmp_path / "other.onnx", plates)
