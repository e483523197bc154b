import numpy as np
import pytest
import torch

from training.detector_net import STRIDE, DetectorNet
from training.patches import Patches
from training.train_detector import Targets, disturbed, loss_of, validate

HEIGHT, WIDTH = 96, 160
PLATE = np.array([[40, 30], [104, 34], [104, 66], [40, 62]], np.float32)
BOX = np.array([[120, 70], [152, 70], [152, 86], [120, 86]], np.float32)


def some_patches():
    """Return a patch with known corners of its plate, one with a known box, and one without a plate."""
    corners = np.full((2, 3, 4, 2), np.nan, np.float32)
    corners[0, 0], corners[0, 1] = PLATE, BOX
    exact = np.array([[True, False, False], [False, False, False]])
    ignore = np.full((2, 2, 4), np.nan, np.float32)
    ignore[1, 0] = 8, 16, 20, 12
    images = np.random.default_rng(1).integers(0, 256, (2, HEIGHT, WIDTH, 3), np.uint8)
    return Patches(images, corners, exact, ignore)


@pytest.fixture
def targets():
    return Targets(some_patches(), np.arange(2))


def cell(quad):
    x, y = (quad.mean(0) / STRIDE).astype(int)
    return y, x


def test_the_cell_at_a_plates_middle_is_positive_and_has_its_corners(targets):
    for quad, exact in ((PLATE, 1.0), (BOX, 0.3)):
        at = (0, *cell(quad))
        assert targets.positive[at]
        assert np.array_equal(targets.corners[at], quad.reshape(8))
        assert targets.exact[at] == np.float32(exact)
    assert targets.size[(0, *cell(PLATE))] == pytest.approx(64.125, abs=0.01)
    assert not targets.positive[1].any()


def test_cells_around_a_positive_one_are_not_trained(targets):
    assert not (targets.positive & targets.ignored).any()
    y, x = cell(PLATE)
    around = targets.positive[0] | targets.ignored[0]
    assert around[y - 1 : y + 2, x - 1 : x + 2].all()
    assert not around[0].any()


def test_regions_to_ignore_are_not_trained(targets):
    rows, columns = np.nonzero(targets.ignored[1])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 3, 1, 3)


class Echo(torch.nn.Module):
    """Gives set answers for any patches."""

    def __init__(self, score, corners):
        super().__init__()
        self.score = torch.nn.Parameter(torch.from_numpy(score))
        self.corners = torch.nn.Parameter(torch.from_numpy(corners))

    def forward(self, frames):
        return self.score, self.corners


def echo(targets, *, shift=0.0, found=True):
    score = np.where(targets.positive & found, 8, -8).astype(np.float32)
    return Echo(score, targets.corners + np.float32(shift))


def test_the_loss_is_smaller_for_better_detections(targets):
    images = some_patches().images
    right, off, missed = (
        float(loss_of(net, images, targets).detach())
        for net in (echo(targets), echo(targets, shift=5), echo(targets, found=False))
    )
    assert right < 0.01
    assert right < off
    assert right < missed


def test_ignored_cells_do_not_count(targets):
    images, net = some_patches().images, echo(targets)
    before = float(loss_of(net, images, targets).detach())
    with torch.no_grad():
        net.score[torch.from_numpy(targets.ignored)] = 8
    assert float(loss_of(net, images, targets).detach()) == pytest.approx(before)
    with torch.no_grad():
        net.score[0, 0, 0] = 8
    assert float(loss_of(net, images, targets).detach()) > before + 0.5


def test_validation_counts_plates_false_detections_and_the_corner_error(targets):
    assert validate(echo(targets), some_patches()) == {
        "recall": 1.0,
        "false_per_100": 0.0,
        "corner_error": 0.0,
    }
    net = echo(targets, shift=6.4)
    with torch.no_grad():
        net.score[(0, *cell(BOX))] = -8
        net.score[0, cell(BOX)[0] - 1 : cell(BOX)[0] + 2, cell(BOX)[1] - 1 : cell(BOX)[1] + 2] = -8
        net.score[1, 11, 19] = 8
    figures = validate(net, some_patches())
    assert figures["recall"] == 0.5
    assert figures["false_per_100"] == 50
    assert figures["corner_error"] == pytest.approx(6.4 * 2**0.5 / 64.125, abs=0.001)


def test_without_a_detection_the_corner_error_is_one(targets):
    figures = validate(echo(targets, found=False), some_patches())
    assert (figures["recall"], figures["corner_error"]) == (0, 1)


def test_the_detector_has_an_output_for_every_cell_of_eight_px():
    score, corners = DetectorNet().eval()(torch.zeros(2, HEIGHT, WIDTH, 3, dtype=torch.uint8))
    assert score.shape == (2, HEIGHT // 8, WIDTH // 8)
    assert corners.shape == (2, HEIGHT // 8, WIDTH // 8, 8)


def test_patches_are_augmented_in_a_copy_and_reproducibly_by_seed():
    images = some_patches().images
    one, two = (disturbed(np.random.default_rng(2), images) for _ in range(2))
    assert one.dtype == np.uint8
    assert np.array_equal(one, two)
    assert not np.array_equal(one, images)
