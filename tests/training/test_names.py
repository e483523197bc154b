from functools import partial

import numpy as np
import pytest
import torch

from services.recognition.engine.states import cut_edges
from training import names, train_names
from training.faces import HELD_OUT_NAME_PACKAGES, NAME_PACKAGES, font_files, spelled_words
from training.name_net import NameNet
from training.names import (
    DONE,
    NAMES,
    NARROWEST_PX,
    UNNAMED_SHARE,
    NamedPlates,
    anything,
    load,
    naming,
    width_px,
    write,
    write_line,
)
from training.photography import WIDEST_PX
from training.samples import REGIONS
from training.styles import STYLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    write(folder, 60, seed=4, workers=1)
    return folder


def test_samples_are_the_same_from_one_seed_and_others_from_another(folder, tmp_path):
    write(tmp_path / "again", 60, seed=4, workers=2)
    write(tmp_path / "other", 60, seed=5, workers=1)
    first, again, other = load(folder), load(tmp_path / "again"), load(tmp_path / "other")
    assert np.array_equal(first.edges, again.edges)
    assert np.array_equal(first.states, again.states)
    assert np.array_equal(first.letters, again.letters)
    assert not np.array_equal(first.states, other.states)
    assert (folder / DONE).exists()


def test_every_state_has_a_name_and_a_suitable_style():
    assert set(NAMES) == set(REGIONS[1:])
    assert {style.region for style in STYLES if style.aspect < 2.5} >= set(NAMES)


def test_states_occur_equally_often_and_some_plates_name_no_state():
    renderer, rng = NamedPlates(), np.random.default_rng(1)
    regions = [renderer.render(rng)[1] for _ in range(300)]
    assert set(regions) <= set(REGIONS)
    assert len(set(regions)) > 40
    assert regions.count("unknown") / 300 == pytest.approx(UNNAMED_SHARE, abs=0.08)


def test_a_states_name_is_written_on_its_plates_and_no_other_states():
    rng = np.random.default_rng(2)
    for style in STYLES:
        if style.region != "unknown":
            line = naming(rng, style).upper().replace(" ", "")  # a site's address has no spaces
            said = (NAMES[style.region], *names.OTHER_NAMES.get(style.region, ()))
            assert any(name.upper().replace(" ", "") in line for name in said)
    for _ in range(200):
        text = anything(rng).upper().split()
        assert not any(name.upper() == " ".join(text) for name in NAMES.values())


@pytest.mark.parametrize("top", [True, False])
def test_a_line_is_written_at_its_edge_and_contrasts_with_the_sheet(top):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        plate = np.full((160, 320, 3), 128, np.uint8)
        letters = write_line(
            rng, plate, "Rhode Isl 1", top=top, size=(0.1, 0.2), style=STYLES[0]
        ).letters
        changed = (plate != 128).any(axis=(1, 2))
        assert changed.any()
        assert not changed[60:100].any()
        assert changed[:60].any() == top
        assert np.abs(plate.astype(int) - 128).max() >= 50
        assert "".join(one.text for one in letters) == "RHODEISL"
        assert (np.diff([one.x for one in letters]) > 0).all()
        assert all((one.y < 80) == top for one in letters)


@pytest.mark.parametrize("seed", range(12))
def test_letters_are_at_their_reported_places(seed):
    rng = np.random.default_rng(seed)
    plate = np.full((160, 320, 3), 128, np.uint8)
    letters = write_line(rng, plate, "H", top=True, size=(0.2, 0.2), style=STYLES[0]).letters
    columns = np.flatnonzero((plate != 128).any(axis=(0, 2)))
    [one] = letters
    if np.ptp(columns) < 100:  # no band behind it
        assert one.x == pytest.approx((columns[0] + columns[-1]) / 2, abs=8)


@pytest.mark.parametrize("top", [True, False])
def test_a_second_line_stands_between_the_first_and_the_serial(top):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        plate = np.full((160, 320, 3), 128, np.uint8)
        first = write_line(rng, plate, "Ohio", top=top, size=(0.06, 0.1), style=STYLES[0])
        more = {"edge_px": first.reach_px, "top": top, "size": (0.06, 0.1)}
        second = write_line(rng, plate, "Texas", style=STYLES[0], **more)
        assert second.reach_px > first.reach_px
        outer, inner = first.letters[0].y, second.letters[0].y
        assert outer < inner if top else outer > inner


@pytest.mark.parametrize("apart", [0, 12])
def test_spread_letters_are_at_their_reported_places_too(apart):
    package = NAME_PACKAGES["sans"][:1]
    mask, middles = spelled_words(np.random.default_rng(1), package, "H H", 20, apart)
    columns = np.flatnonzero((mask > 100).any(axis=0))
    gap = int(np.argmax(np.diff(columns)))
    ends = (columns[0] + columns[gap]) / 2, (columns[gap + 1] + columns[-1]) / 2
    assert (middles[0], middles[2]) == pytest.approx(ends, abs=2)


def test_a_name_on_an_arc_is_complete():
    line = names._Line("ABC", np.full((20, 90), 255, np.uint8), (15.0, 45.0, 75.0))
    for seed in range(20):
        bent = names._bent(np.random.default_rng(seed), line)
        heights = (bent.mask > 127).sum(axis=0)
        assert (heights[:-1] >= 19).all()
        assert bent.mask.shape[0] > 20


def test_no_typeface_of_the_validation_is_in_the_training():
    assert HELD_OUT_NAME_PACKAGES.keys() == NAME_PACKAGES.keys()
    trained = {one for packages in NAME_PACKAGES.values() for one in packages}
    held_out = {one for packages in HELD_OUT_NAME_PACKAGES.values() for one in packages}
    assert not trained & held_out
    for package in trained | held_out:
        assert font_files(package)


def test_some_names_of_two_words_have_a_line_for_each():
    """Their letters are those of one line, since a column has one label."""
    renderer, rng = NamedPlates(), np.random.default_rng(5)
    style = next(one for one in STYLES if one.region == "NH" and one.aspect < 2.5)
    spelled = set()
    for _ in range(60):
        plate = np.full((160, 320, 3), 128, np.uint8)
        write = partial(write_line, rng, plate, style=style)
        letters = renderer._write_name(rng, write, style, top=True)
        spelled.add("".join(one.text for one in letters))
    assert {"NEWHAMPSHIRE", "HAMPSHIRE"} <= spelled
    assert "NEW" not in spelled


def test_steps_beside_a_letter_are_not_trained_and_others_are_blank():
    letters = np.zeros((1, 2, 48), np.uint8)
    letters[0, 0, 5], letters[0, 0, 6], letters[0, 1, 0] = 3, 4, 9
    steps = train_names.aligned(letters)[0]
    skipped = train_names.NOT_TRAINED
    assert steps[3:9].tolist() == [0, skipped, 3, 4, skipped, 0]
    assert steps[46:50].tolist() == [0, 0, 9, skipped]


def test_widths_of_plates_allow_a_name_to_be_read():
    rng = np.random.default_rng(3)
    widths = [width_px(rng) for _ in range(300)]
    assert min(widths) >= NARROWEST_PX
    assert max(widths) <= WIDEST_PX
    assert np.median(widths) < (NARROWEST_PX + WIDEST_PX) / 2


def test_training_samples_have_the_shape_that_the_service_cuts(folder):
    samples = load(folder)
    assert samples.edges.shape == (60, 80, 192, 3)
    frame = np.zeros((200, 300, 3), np.uint8)
    quad = np.array([[60, 60], [220, 60], [220, 140], [60, 140]], np.float32)
    assert cut_edges(frame, quad).picture.shape == samples.edges.shape[1:]


def test_augmentation_does_not_change_the_given_samples(folder):
    given = np.array(load(folder).edges)
    kept = given.copy()
    changed = train_names.disturbed(np.random.default_rng(1), given)
    assert np.array_equal(given, kept)
    differ = (changed != given).any(axis=(1, 2, 3))
    assert 0.3 < differ.mean() < 1


def test_validation_figures_count_right_and_reported_states(folder, monkeypatch):
    samples = load(folder)
    said = torch.full((60, len(REGIONS)), -20.0)
    for row, state in zip(said, samples.states, strict=True):
        row[int(state)] = 0.0
    named = np.flatnonzero(samples.states)
    wrong, unsure = int(named[0]), int(named[1])
    said[wrong] = -20.0
    said[wrong, 1 + int(samples.states[wrong]) % 50] = 0.0
    said[unsure] = -20.0
    said[unsure, int(samples.states[unsure])] = -19.0
    monkeypatch.setattr(train_names, "logits_of", lambda *_: said)
    figures = train_names.validate(NameNet(len(REGIONS)), samples)
    assert figures["right"] == pytest.approx(1 - 1 / len(named))
    assert figures["told"] == pytest.approx(1 - 1 / len(named))
    assert figures["told_right"] == pytest.approx(1 - 1 / (len(named) - 1))


def test_the_two_edges_are_processed_separately():
    torch.manual_seed(1)
    net = NameNet(len(REGIONS)).eval()
    seen = []
    net.body.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    picture = torch.zeros(2, 80, 192, 3, dtype=torch.uint8)
    picture[:, 40:] = 200
    with torch.no_grad():
        assert net(picture).shape == (2, len(REGIONS))
    [given] = seen
    assert given.shape == (4, 3, 40, 192)
    spans = [float(one.max() - one.min()) for one in given]
    assert spans == [0.0] * 4
    assert given[0].mean() < given[1].mean()
