import cv2
import numpy as np
import pytest

from services.recognition.engine.cuts import PICTURE_PX, CutReader, rectify
from services.recognition.engine.reader import PlateReader
from services.recognition.engine.states import StateOdds
from services.recognition.engine.weights import NoSuchModel
from services.recognition.models import ALPHABET, MARGIN_ACROSS, MARGIN_UP
from shared.core.region_packs import pack_of, regions_of
from tests.unit.recognition.networks import FunctionNetwork, reading
from training.photography import Photograph, cut_out

pytestmark = pytest.mark.clause("468.4(c)/readings")

US = regions_of(("us",))
QUAD = np.array([[100, 60], [260, 60], [260, 140], [100, 140]], np.float32)


def a_frame():
    return np.tile(np.arange(400, dtype=np.uint8)[None, :, None], (240, 1, 3))


def read(network, count=1, **options):
    reader = PlateReader(CutReader(network), **{"regions": US, **options})
    return reader.read([(a_frame(), QUAD)] * count)


def test_a_plate_is_read_with_a_probability_for_each_character_and_for_the_whole():
    [text] = read(reading({"plate": ["7", "7", "A", {"B": 0.8, "8": 0.2}, "C", "1", "2", "3"]}))
    assert text.plate == "77ABC123"
    assert text.confidence == pytest.approx(0.8, abs=0.06)
    assert [one.confidence > 0.95 for one in text.characters] == [*[True] * 3, False, *[True] * 4]
    assert text.probability == pytest.approx(0.8, abs=0.06)
    first, second, *_ = text.alternatives
    assert (first.plate, first.probability) == (text.plate, text.probability)
    assert (second.plate, second.probability) == ("77A8C123", pytest.approx(0.2, abs=0.03))
    assert len(text.alternatives) <= 3


def test_no_text_at_all_is_no_alternative():
    [text] = read(reading({"plate": [{"A": 0.6}]}))
    assert text.probability == pytest.approx(0.6, abs=0.01)
    assert [one.plate for one in text.alternatives] == ["A"]


def test_no_plate_is_read_again_where_that_is_off():
    network = reading({"plate": ""}, {"plate": [{"A": 0.6}]})
    assert [text.plate for text in read(network, 2, recut_below=0.0)] == ["", "A"]
    assert len(network.shown) == 1


@pytest.mark.parametrize("name", ["version", "margin_up", "temperature"])
def test_a_network_without_metadata_does_not_load(name):
    network = reading({"plate": "7A"})
    del network.about[name]
    with pytest.raises(NoSuchModel, match=f"has no {name}"):
        PlateReader(CutReader(network), regions=US)


def test_many_plates_are_read_in_order_and_in_batches():
    texts = [{"plate": str(n)} for n in range(40)]
    network = reading(*texts)
    assert [text.plate for text in read(network, 40)] == [str(n) for n in range(40)]
    assert [len(shown) for shown in network.shown] == [16, 16, 8]
    assert read(network, 0) == []


def test_the_temperature_of_the_network_lowers_its_confidence():
    plate = ["7", {"A": 0.9, "4": 0.1}]
    [sure], [calibrated] = (read(reading({"plate": plate}, temperature=t)) for t in (1.0, 2.0))
    assert calibrated.plate == sure.plate == "7A"
    assert sure.confidence == pytest.approx(0.9, abs=0.01)
    assert 0.5 < calibrated.confidence < 0.8
    assert calibrated.probability < sure.probability


class NamedStates:
    version = "9"

    def __init__(self, *told, minimum=0.8):
        self.told = [
            StateOdds(tuple(one.items()) if isinstance(one, dict) else ((one, 1.0),), minimum)
            for one in told
        ]
        self.asked = []

    def read(self, plates):
        self.asked.append(len(plates))
        return self.told[: len(plates)]


def test_only_legible_plates_are_read_for_their_state_and_in_one_batch():
    states = NamedStates("US-CA", None)
    network = reading({"plate": "7A"}, {"plate": "", "legible": 0.2}, {"plate": "8B"})
    texts = read(network, 3, states=states)
    assert [text.region for text in texts] == ["US-CA", None, None]
    assert states.asked == [2]


def test_a_state_is_read_once_for_a_reexamined_plate_and_affects_its_text():
    doubted = {"plate": [{"4": 0.45, "L": 0.55}, *"EFU387"]}
    states = NamedStates("US-CA")
    [text] = read(reading(doubted), states=states, regions=US, recut_below=0.9)
    assert (text.region, text.plate, text.as_read) == ("US-CA", "4EFU387", "LEFU387")
    assert states.asked == [1]


def test_a_serial_is_evidence_for_the_state_and_only_a_sure_name_for_the_serial():
    """A state that the serial alone makes sure must not vouch for the serial."""
    odds = {"US-CA": 0.6, "US-TX": 0.2, None: 0.0}
    [text] = read(reading({"plate": "7ABC123"}), states=NamedStates(odds), regions=US)
    assert text.region == "US-CA"
    [text] = read(reading({"plate": "ABC1234"}), states=NamedStates(odds), regions=US)
    assert text.region is None
    doubted = {"plate": [{"4": 0.45, "L": 0.55}, *"EFU387"]}
    [unsure] = read(reading(doubted), states=NamedStates(None), regions=US)
    [text] = read(reading(doubted), states=NamedStates(odds), regions=US)
    assert text.alternatives == unsure.alternatives


def test_a_reader_reports_the_versions_of_all_its_networks():
    assert PlateReader(CutReader(reading({"plate": "7A"})), regions=US).versions == ("7",)
    assert PlateReader(CutReader(reading({"plate": "7A"})), NamedStates(), regions=US).versions == (
        "7",
        "9",
    )


def test_an_empty_plate_has_no_text():
    [text] = read(reading({"plate": "", "legible": 0.25}))
    assert (text.plate, text.confidence, text.alternatives) == ("", 0.0, ())
    assert text.legible == 0.25


@pytest.mark.parametrize(
    ("minimum", "legible", "plate"),
    [
        (0.5, 0.6, "7ABC123"),
        (0.3, 0.4, ""),
        (0.9995, 0.9996, "7ABC123"),
        (0.9995, 0.9994, ""),
    ],
)
def test_a_plate_below_the_minimum_is_not_decoded(minimum, legible, plate):
    network = reading({"plate": "7ABC123", "legible": legible})
    [text] = PlateReader(CutReader(network), regions=US).read([(a_frame(), QUAD)], [minimum])
    assert text.plate == plate
    assert text.legible == pytest.approx(legible)


def test_the_line_is_around_the_characters_and_within_the_plate():
    [text] = read(reading({"plate": "7ABC123"}))
    (left, top), (right, bottom) = text.line[0], text.line[2]
    assert 100 <= left < 125
    assert 220 < right < 240, "the last step of the seventh character is the fifteenth of twenty"
    assert 60 < top < bottom < 140
    [narrow] = read(reading({"plate": "7A"}))
    assert narrow.line[1, 0] < 160


def test_a_plate_with_two_lines_is_read_over_its_full_height():
    network = reading({"plate": "AB"}, {"plate": "12", "half": 1})
    plain = network.run

    def both(pictures):
        one, other = plain(pictures), plain(pictures)
        characters = np.concatenate([one["characters"][:, :20], other["characters"][:, 20:]], 1)
        return one | {"characters": characters}

    network.run = both
    [text] = read(network)
    assert text.plate == "AB12"
    assert (text.line[0, 1], text.line[2, 1]) == pytest.approx((60, 140), abs=0.1)


def drawn(quad, size=(400, 240)):
    """Return a frame with a plate of four quarters, in perspective."""
    plate = np.zeros((80, 160, 3), np.uint8)
    plate[:40, :80], plate[:40, 80:] = (255, 0, 0), (0, 255, 0)
    plate[40:, :80], plate[40:, 80:] = (0, 0, 255), (255, 255, 255)
    source = np.array([[0, 0], [160, 0], [160, 80], [0, 80]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, quad)
    frame = cv2.warpPerspective(plate, matrix, size, flags=cv2.INTER_AREA)
    return np.ascontiguousarray(frame)


@pytest.mark.parametrize("scale", [1, 4])
def test_a_plate_in_perspective_comes_out_straight_with_its_margin(scale):
    quad = scale * np.array([[100, 60], [220, 50], [225, 122], [103, 126]], np.float32)
    picture, matrix = rectify(drawn(quad, (400 * scale, 240 * scale)), quad, 0.06, 0.10)
    width, height = PICTURE_PX
    assert picture.shape == (height, width, 3)
    left, top = width * 0.06 / 1.12, height * 0.10 / 1.2
    for x, y, colour in ((0.25, 0.25, 0), (0.75, 0.25, 1), (0.25, 0.75, 2)):
        at = round(top + y * (height - 2 * top)), round(left + x * (width - 2 * left))
        assert picture[at].argmax() == colour
        assert picture[at].max() > 240
    assert picture[2, width // 2].max() < 30, "the margin shows what is around the plate"
    placed = cv2.perspectiveTransform(quad.reshape(1, 4, 2), matrix).reshape(4, 2)
    assert placed[0] == pytest.approx((left, top), abs=1.5)
    assert placed[2] == pytest.approx((width - left, height - top), abs=1.5)


def test_reducing_a_large_plate_averages_pixels_without_shifting_them():
    quad = np.array([[320, 192], [960, 192], [960, 448], [320, 448]], np.float32)
    frame = np.zeros((640, 1280, 3), np.uint8)
    frame[:, ::2] = 200  # one-pixel stripes: a skipping reduction shows black or 200
    frame[:, 640:] = 0
    picture, _ = rectify(frame, quad, 0.0, 0.0)
    assert np.abs(picture[:, 4:76].astype(int) - 100).max() <= 2
    assert picture[:, 81:].max() <= 2


def test_a_large_plate_is_averaged_whatever_columns_lie_under_the_picture():
    quad = np.array([[0, 0], [1280, 0], [1280, 640], [0, 640]], np.float32)
    frame = np.zeros((640, 1280, 3), np.uint8)
    frame[:, ::8] = 200
    picture, _ = rectify(frame, quad, 0.0, 0.0)
    assert np.abs(picture[:, 2:-2].astype(int) - 25).max() <= 2


def test_a_small_plate_lies_in_the_middle_of_its_picture():
    frame = np.zeros((40, 90, 3), np.uint8)
    frame[:, :45] = 200
    quad = np.array([[5, 4], [85, 4], [85, 36], [5, 36]], np.float32)
    picture, _ = rectify(frame, quad, 0.0, 0.0)
    assert (picture.astype(int) + picture[:, ::-1] == 200).all(), "as much of it left as right"


@pytest.mark.parametrize("shape", [(1, 1), (30, 8), (8, 300)])
def test_a_plate_over_the_edge_of_a_small_frame_is_cut_out_all_the_same(shape):
    picture, _ = rectify(np.full((*shape, 3), 9, np.uint8), QUAD - 150, 0.06, 0.10)
    assert picture.shape == (64, 160, 3)
    assert (picture == 9).all()


class Unerring:
    """In the place of a random generator: a detector without any error."""

    def normal(self, _mean, _spread, size):
        return np.zeros(size)


@pytest.mark.parametrize("width", [60, 200, 700])
def test_training_cuts_plates_out_as_the_service_does(width):
    frame = np.random.default_rng(4).integers(0, 255, (800, 1000, 3), np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 3)
    shape = np.array([[0, 0.05], [1, 0], [1.02, 0.5], [0.03, 0.52]])
    quad = (shape * width + (130, 150)).astype(np.float32)
    picture, _ = rectify(frame, quad, MARGIN_ACROSS, MARGIN_UP)
    photo = Photograph(frame, quad, np.zeros((0, 2), np.float32))
    cut, _ = cut_out(Unerring(), photo)
    assert np.abs(picture.astype(int) - cut).mean() < 1


def test_only_a_doubtful_plate_is_read_again_and_its_views_are_averaged():
    sure, doubtful = {"plate": "7A"}, {"plate": ["8", {"B": 0.6, "8": 0.4}], "legible": 0.9}
    again = {"plate": ["8", {"8": 0.9, "B": 0.1}], "legible": 0.6}
    network = reading(sure, doubtful, again, again)
    reader = PlateReader(CutReader(network), regions=US, recut_below=0.9)
    first, second = reader.read([(a_frame(), QUAD)] * 2)
    assert [len(shown) for shown in network.shown] == [2, 2]
    assert (first.plate, second.plate) == ("7A", "88")
    assert second.probability == pytest.approx((0.4 + 0.9 + 0.9) / 3, abs=0.01)
    assert second.alternatives[1].plate == "8B"
    assert second.legible == pytest.approx(0.9)
    assert not np.array_equal(network.shown[1][0], network.shown[1][1])


def test_a_doubtful_plate_is_read_again_in_a_wider_and_in_a_narrower_cut():
    """The frame is brighter from left to right, so a cut's brightnesses say how wide it is."""
    brighter = np.tile((np.arange(400) // 2).astype(np.uint8)[None, :, None], (240, 1, 3))
    network = reading({"plate": ["8", {"B": 0.6, "8": 0.4}]})
    PlateReader(CutReader(network), regions=US, recut_below=0.9).read([(brighter, QUAD)])
    [as_found], [wider, narrower] = network.shown
    usual = int(np.ptp(as_found))
    assert np.ptp(wider) == pytest.approx(1.03 * usual, abs=1)
    assert np.ptp(narrower) == pytest.approx(0.97 * usual, abs=1)


@pytest.mark.parametrize(("legible", "asked_before"), [(1.0, False), (0.93, True)])
def test_the_second_reader_reads_a_doubtful_plate_as_found_and_narrower(legible, asked_before):
    doubtful = {"plate": ["8", {"B": 0.6, "8": 0.4}], "legible": legible}
    first = reading({"plate": "7A"}, doubtful, doubtful, doubtful)
    second = reading({"plate": ["8", {"8": 0.95, "B": 0.05}]})
    reader = PlateReader(CutReader(first), second=CutReader(second), regions=US, recut_below=0.9)
    clear, text = reader.read([(a_frame(), QUAD), (a_frame(), QUAD + 8)])
    assert (clear.plate, text.plate) == ("7A", "88")
    assert text.probability == pytest.approx((3 * 0.4 + 2 * 0.95) / 5, abs=0.01)
    assert [len(shown) for shown in second.shown] == ([1, 1] if asked_before else [2])
    as_found, narrower = np.concatenate(second.shown)
    assert np.array_equal(as_found, first.shown[0][1])
    assert np.array_equal(narrower, first.shown[1][1])


@pytest.mark.parametrize(
    ("needed", "legible", "others", "expected", "asked"),
    [
        (None, 0.96, 0.1, 0.96, 0),
        (None, 0.94, 0.1, 0.5689, 1),
        (0.999, 0.99996, 0.1, 0.99996, 0),
        (0.999, 0.9999, 0.99, 0.999, 1),
        (0.999, 0.99, 0.9999, 0.999, 1),
        (0.999, 0.97, 0.99999, 0.97, 0),
    ],
    ids=["sure", "open", "surer than needed", "hardly sure", "hardly legible", "hopeless"],
)
def test_the_second_reader_is_asked_only_where_it_is_open_whether_a_plate_is_legible(
    needed, legible, others, expected, asked
):
    second = reading({"plate": "8X", "legible": others})
    reader = PlateReader(
        CutReader(reading({"plate": "7A", "legible": legible})),
        second=CutReader(second),
        regions=US,
        recut_below=0.9,
    )
    [text] = reader.read([(a_frame(), QUAD)], None if needed is None else [needed])
    assert text.legible == pytest.approx(expected, abs=2e-4)
    assert text.plate == ("7A" if text.legible >= (needed or 0.5) - 1e-6 else "")
    assert len(second.shown) == asked


def test_a_plate_that_the_second_reader_takes_for_none_is_not_decoded():
    reader = PlateReader(
        CutReader(reading({"plate": "7A", "legible": 0.99})),
        second=CutReader(reading({"plate": "7A", "legible": 0.3})),
        regions=US,
    )
    [text] = reader.read([(a_frame(), QUAD)], [0.95])
    assert text.plate == ""
    assert text.legible == pytest.approx(0.8669, abs=1e-4)


def written_at(*places):
    """Return a reader's network that sees each (character, column, half) of forty columns; see `stacked`."""

    def answer(pictures):
        steps = np.full((len(pictures), 80, len(ALPHABET) + 1), 1e-9, np.float32)
        for character, column, half in places:
            steps[:, column + 40 * half, ALPHABET.index(character) + 1] = 0.999
        steps[..., 0] = np.maximum(1 - steps[..., 1:].sum(axis=2), 1e-9)
        return {"characters": np.log(steps), "plate": np.ones(len(pictures))}

    about = {"margin_across": "0.06", "margin_up": "0.1", "temperature": "1"}
    return FunctionNetwork(answer, **about)


@pytest.mark.parametrize(
    ("places", "all_of_it", "plate"),
    [
        ([("D", 3, 0), ("P", 4, 1), ("8", 12, 1), ("5", 20, 1), ("F", 28, 1)], "DP85F", "85F"),
        ([("8", 4, 0), ("5", 12, 0), ("F", 20, 0), ("D", 33, 0), ("P", 32, 1)], "85FDP", "85F"),
        ([("A", 10, 0), ("B", 28, 0), ("1", 10, 1), ("2", 28, 1)], "AB12", "AB12"),
        ([("8", 4, 0), ("5", 12, 0), ("F", 20, 1), ("2", 28, 1)], "85F2", "85F2"),
    ],
    ids=["stacked before", "stacked behind", "two lines", "a line that dips"],
)
def test_small_stacked_characters_are_part_of_the_plate_only_where_wanted(places, all_of_it, plate):
    for keep, expected in ((True, all_of_it), (False, plate)):
        reader = PlateReader(CutReader(written_at(*places)), regions=US, with_stacked=keep)
        [text] = reader.read([(a_frame(), QUAD)])
        assert (text.plate, text.as_read) == (expected, all_of_it)
        assert (text.alternatives[0].plate, text.alternatives[0].probability) == (
            expected,
            text.probability,
        )
        assert text.probability == pytest.approx(1, abs=0.01)


def test_only_shapes_of_plates_with_small_pairs_have_them_left_out():
    places = [("D", 3, 0), ("P", 4, 1), ("8", 12, 1), ("5", 20, 1), ("F", 28, 1)]
    europe = regions_of(("europe",))
    [text] = PlateReader(CutReader(written_at(*places)), regions=europe, with_stacked=False).read(
        [(a_frame(), QUAD)]
    )
    assert text.plate == text.as_read == "DP85F"


def test_a_plate_without_small_characters_sums_the_readings_that_give_it():
    def answer(pictures):
        steps = np.full((len(pictures), 80, len(ALPHABET) + 1), 1e-9, np.float32)
        for label, column, odds in (
            ("D", 3, 0.6), ("O", 3, 0.39), ("P", 43, 0.99), ("8", 52, 0.9), ("B", 52, 0.09), ("5", 60, 0.99), ("F", 68, 0.99),
        ):  # fmt: skip
            steps[:, column, ALPHABET.index(label) + 1] = odds
        steps[..., 0] = np.maximum(1 - steps[..., 1:].sum(axis=2), 1e-9)
        return {"characters": np.log(steps), "plate": np.ones(len(pictures))}

    about = {"margin_across": "0.06", "margin_up": "0.1", "temperature": "1"}
    network = FunctionNetwork(answer, **about)
    [text] = PlateReader(CutReader(network), regions=US, with_stacked=False).read(
        [(a_frame(), QUAD)]
    )
    assert text.plate == "85F"
    rarer = pack_of("us").mixed_rarer
    assert text.probability == pytest.approx(0.9 / (0.9 + 0.09 / rarer) * 0.99**3, abs=0.02)
    assert text.alternatives[1].plate == "B5F"


def test_each_character_has_the_four_most_probable_ones_of_its_place_itself_first():
    doubt = {"B": 0.6, "8": 0.25, "R": 0.1, "E": 0.03, "P": 0.02}
    [text] = read(reading({"plate": ["7", "7", "A", doubt, "C", "1", "2", "3"]}))
    assert text.plate == "77ABC123"
    sure, doubted = text.characters[0], text.characters[3]
    assert [one.text for one in doubted.alternatives] == ["B", "8", "R", "E"]
    assert doubted.alternatives[0].probability == doubted.confidence
    assert doubted.alternatives[1].probability == pytest.approx(0.25, abs=0.03)
    assert sum(one.probability for one in doubted.alternatives) <= 1
    assert {type(one.probability) for one in doubted.alternatives} == {float}, (
        "an event takes no other"
    )
    assert sure.alternatives == ()


def test_alternatives_of_a_place_weigh_the_series_that_are_issued():
    [text] = read(reading({"plate": ["7", "A", {"B": 0.5, "8": 0.49}, "C", "1", "2", "3"]}))
    alternatives = {one.text: one.probability for one in text.characters[2].alternatives}
    assert alternatives["B"] > 6 * alternatives["8"], "7A8C123 is of no series"


@pytest.mark.parametrize(
    ("pack", "quad", "shares"),
    [
        ("us", [[100, 60], [260, 60], [260, 140], [100, 140]], (0.25, 0.80)),
        ("us", [[100, 60], [260, 60], [260, 96], [100, 96]], (0.25, 0.80)),
        ("europe", [[100, 60], [260, 60], [260, 96], [100, 96]], (0.12, 0.88)),
        ("europe", [[100, 60], [240, 60], [240, 160], [100, 160]], (0.2, 0.85)),
    ],
)
def test_the_line_is_where_plates_of_the_nearest_shape_have_it(pack, quad, shares):
    quad = np.array(quad, np.float32)
    reader = PlateReader(CutReader(reading({"plate": "77ABC123"})), regions=regions_of((pack,)))
    [text] = reader.read([(a_frame(), quad)])
    top, high = quad[0, 1], quad[3, 1] - quad[0, 1]
    assert (text.line[[0, 3], 1] - top) / high == pytest.approx(shares, abs=0.01)
