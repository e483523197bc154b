import numpy as np
import torch

from training.reader_net import COLUMNS, ReaderNet
from training.samples import LONGEST, REGIONS, Samples
from training.train_reader import (
    NOT_TRAINED,
    RECIPE,
    aligned,
    disturbed,
    loss_of,
    spelled,
    validate,
)


def truth(*characters):
    """Return one text as `aligned` expects it, of (class, x px, y px)."""
    texts = np.zeros((1, LONGEST), np.uint8)
    places = np.full((1, LONGEST, 2), 255, np.uint8)
    for i, (label, x, y) in enumerate(characters):
        texts[0, i], places[0, i] = label, (x, y)
    return texts, places


def rows(*characters):
    """Return the class of each column of the upper and of the lower half."""
    steps = aligned(*truth(*characters))[0].reshape(2, COLUMNS)
    return [{int(c): int(row[c]) for c in np.flatnonzero(row > 0)} for row in steps]


def test_a_single_line_is_in_the_upper_row():
    assert rows((5, 20, 30), (6, 80, 31), (7, 150, 36)) == [{5: 5, 20: 6, 37: 7}, {}]


def test_the_lower_character_of_a_stacked_pair_and_its_followers_are_in_the_lower_row():
    assert rows((1, 20, 20), (2, 20, 44), (3, 60, 32)) == [{5: 1}, {5: 2, 15: 3}]


def test_characters_before_a_stacked_pair_are_in_the_upper_row():
    assert rows((3, 20, 32), (1, 60, 20), (2, 60, 44)) == [{5: 3, 15: 1}, {15: 2}]


def test_the_second_line_is_in_the_lower_row():
    upper, lower = rows((1, 40, 20), (2, 80, 20), (3, 40, 46), (4, 80, 46))
    assert (upper, lower) == ({10: 1, 20: 2}, {10: 3, 20: 4})


def test_steps_beside_a_character_are_not_trained_and_others_are_blank():
    steps = aligned(*truth((5, 20, 30), (6, 28, 30)))[0]
    assert steps[3:9].tolist() == [0, NOT_TRAINED, 5, NOT_TRAINED, 6, NOT_TRAINED]
    assert set(steps[9:].tolist()) == {0}


def test_neighbours_in_touching_columns_both_stay():
    assert rows((5, 20, 30), (6, 24, 30))[0] == {5: 5, 6: 6}


def test_a_path_is_spelled_without_blanks_and_repeats():
    paths = np.array([[0, 1, 1, 0, 1, 2], [0, 0, 0, 0, 0, 0], [3, 3, 3, 4, 4, 0]])
    assert spelled(paths) == [(1, 1, 2), (), (3, 4)]


def some_samples(n=8):
    """Return dark plates with a light bar for each of their two characters, and signs without any."""
    texts, places = truth((11, 40, 32), (12, 120, 32))
    pictures = np.zeros((n, 64, 160, 3), np.uint8)
    pictures[:, 10:54, 30:50] = 200
    pictures[:, 20:40, 110:130] = 150
    plates = np.ones(n, np.uint8)
    texts, places = np.repeat(texts, n, 0), np.repeat(places, n, 0)
    pictures[n // 2 :], texts[n // 2 :], places[n // 2 :], plates[n // 2 :] = 90, 0, 255, 0
    return Samples(pictures, texts, np.full(n, 5, np.uint8) * plates, plates, places)


def test_gradient_steps_reduce_the_loss():
    torch.manual_seed(1)
    samples, at = some_samples(), np.arange(8)
    net = ReaderNet(len(REGIONS), (8, 12, 16, 24, 32))
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3)
    losses = []
    for _ in range(60):
        loss = loss_of(net, samples, at, np.random.default_rng(1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


class Echo(torch.nn.Module):
    """Gives set answers for any pictures."""

    def __init__(self, characters, region, plate):
        super().__init__()
        self.outputs = characters, region, plate

    def forward(self, pictures):
        return self.outputs


def test_validation_counts_texts_regions_and_plates():
    samples = some_samples(4)
    characters = torch.zeros(4, 80, 37)
    characters[:, :, 0] = 1
    characters[:, 10, 11] = characters[:, 30, 12] = 9  # both plates read right
    characters[1, 30, 13] = 99  # but the second
    region = torch.zeros(4, len(REGIONS))
    region[:, 5] = 9
    plate = torch.tensor([4.0, 4.0, 4.0, -4.0])  # a sign read as a plate
    figures = validate(Echo(characters, region, plate), samples)
    assert figures == {"exact": 0.5, "folded": 0.5, "region": 1.0, "plate": 0.75}


def test_pictures_are_augmented_in_a_copy_and_reproducibly_by_seed():
    pictures = np.random.default_rng(1).integers(0, 256, (RECIPE.batch, 64, 160, 3), np.uint8)
    kept = pictures.copy()
    one, two = (disturbed(np.random.default_rng(2), pictures) for _ in range(2))
    assert np.array_equal(pictures, kept)
    assert np.array_equal(one, two)
    same = (one == pictures).all(axis=(1, 2, 3)).mean()
    assert 0.3 < same < 0.8
