import cv2
import numpy as np
import pytest

from services.recognition.engine.states import NARROWEST_PX, StateOdds, StateReader, cut_edges
from services.recognition.engine.weights import NoSuchModel
from tests.unit.recognition.networks import naming

pytestmark = pytest.mark.clause("468.4(c)/readings")

QUAD = np.array([[100, 60], [260, 60], [260, 140], [100, 140]], np.float32)


def frame():
    return np.full((240, 400, 3), 90, np.uint8)


def wide(px):
    return np.array(
        [[50, 50], [50 + px, 50], [50 + px, 50 + px / 2], [50, 50 + px / 2]], np.float32
    )


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ({"CA": 0.9, "NV": 0.1}, "US-CA"),
        ({"CA": 0.7, "NV": 0.3}, None),
        ({"unknown": 0.95, "CA": 0.05}, None),
    ],
)
def test_a_state_is_reported_only_above_the_minimum(states, told):
    [found] = StateReader(naming(states), minimum=0.8).read([(frame(), QUAD)])
    assert found.named() == told


def odds_of(california, nevada, unknown):
    return StateOdds((("US-CA", california), ("US-NV", nevada), (None, unknown)), 0.8)


@pytest.mark.parametrize(
    ("odds", "issuers", "by_name", "with_serial"),
    [
        ((0.75, 0.25, 0.0), {"US-CA"}, None, "US-CA"),  # 12 to 1 by both
        ((0.75, 0.25, 0.0), {"US-CA", "US-NV"}, None, None),  # of both states' series
        ((0.75, 0.25, 0.0), set(), None, None),  # of neither's: it may be personalised
        ((0.75, 0.0, 0.25), {"US-CA"}, None, None),  # a serial does not speak against no name
        ((0.9, 0.1, 0.0), {"US-NV"}, "US-CA", None),  # the serial is the other state's
        ((0.99, 0.01, 0.0), {"US-NV"}, "US-CA", "US-CA"),  # a personalised plate
        ((0.1, 0.2, 0.7), {"US-CA"}, None, None),
    ],
)
def test_a_serial_is_evidence_for_the_states_that_issue_such_serials(
    odds, issuers, by_name, with_serial
):
    found = odds_of(*odds)
    assert found.named() == by_name
    assert found.named(issuers.__contains__) == with_serial


@pytest.mark.parametrize(("minimum", "named"), [(0.75, "US-CA"), (0.751, None)])
def test_a_state_that_is_just_probable_enough_is_returned(minimum, named):
    found = StateOdds((("US-CA", 0.75), ("US-NV", 0.25)), minimum)
    assert found.named() == named


def test_narrow_plates_are_skipped_and_the_order_of_the_others_is_kept():
    network = naming({"CA": 1.0}, {"TX": 1.0})
    plates = [(frame(), wide(px)) for px in (NARROWEST_PX - 2, 80, 20, 120)]
    found = StateReader(network, minimum=0.8).read(plates)
    assert [one.named() for one in found] == [None, "US-CA", None, "US-TX"]
    assert [len(shown) for shown in network.shown] == [2]


def test_many_plates_are_read_in_batches_and_no_plates_run_no_network():
    network = naming({"CA": 1.0})
    reader = StateReader(network, minimum=0.8)
    found = reader.read([(frame(), QUAD)] * 20)
    assert [one.named() for one in found] == ["US-CA"] * 20
    assert [len(shown) for shown in network.shown] == [16, 4]
    assert reader.read([]) == []
    assert len(network.shown) == 2


def test_the_cut_has_the_upper_edge_over_the_lower_one_without_the_serial():
    picture = frame()
    cv2.rectangle(picture, (100, 60), (260, 75), (255, 0, 0), -1)
    cv2.rectangle(picture, (100, 125), (260, 140), (0, 0, 255), -1)
    cv2.rectangle(picture, (100, 92), (260, 108), (0, 255, 0), -1)
    seen = cut_edges(picture, QUAD).picture
    assert seen.shape == (80, 192, 3)
    upper, lower = seen[:40, 20:-20], seen[40:, 20:-20]
    assert (upper[14] == (255, 0, 0)).all()
    assert (lower[25] == (0, 0, 255)).all()
    assert not (seen == (0, 255, 0)).all(axis=2).any()


def test_points_of_the_frame_are_placed_in_the_edge_that_shows_them():
    picture = frame()
    points = np.array([[180, 66], [180, 100], [140, 134]], np.float32)
    for x, y in points.astype(int):
        cv2.circle(picture, (int(x), int(y)), 2, (255, 255, 255), -1)
    cut = cut_edges(picture, QUAD)
    (above, x0), (between, _), (below, x1) = cut.placed(points)
    assert (above, between, below) == (0, None, 1)
    for row, x in ((0, x0), (1, x1)):
        strip = cut.picture[40 * row : 40 * row + 40, :, 0]
        assert np.nonzero(strip > 200)[1].mean() + 0.5 == pytest.approx(x, abs=1.5)
    assert cut.placed(np.zeros((0, 2), np.float32)) == []


@pytest.mark.parametrize("name", ["version", "regions"])
def test_a_network_without_metadata_does_not_load(name):
    network = naming({"CA": 1.0})
    del network.about[name]
    with pytest.raises(NoSuchModel, match=f"has no {name}"):
        StateReader(network, minimum=0.8)


def test_only_states_of_the_chosen_packs_are_returned():
    reader = StateReader(naming({"CA": 1.0}, {"TX": 1.0}), minimum=0.8, issuers={"US-TX", "DE"})
    assert [one.named() for one in reader.read([(frame(), QUAD)] * 2)] == [None, "US-TX"]
    assert reader.issuers == {"US-TX"}
