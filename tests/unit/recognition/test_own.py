"""Our own engine with fake networks: which answers become a reading, and which do not."""

import cv2
import numpy as np
import pytest

from services.recognition.engine.corner_refiner import CornerRefiner
from services.recognition.engine.cuts import CutReader
from services.recognition.engine.detector import PlateDetector
from services.recognition.engine.network import OnnxNetwork
from services.recognition.engine.odds import log_odds
from services.recognition.engine.own_weights import find_own
from services.recognition.engine.plate_search import (
    LARGE_PX,
    NARROWED,
    NARROWED_MINIMUM,
    PROBABLE,
    Finder,
    PlateSearch,
    searched_widths,
)
from services.recognition.engine.plateward import (
    OwnEngine,
    could_be_a_plate,
    load_own,
)
from services.recognition.engine.plausibility import Glyph, TextLine
from services.recognition.engine.protocol import Alternative, Character
from services.recognition.engine.reader import PlateReader, Text
from services.recognition.engine.second_opinion import weighed
from services.recognition.engine.states import StateReader
from services.recognition.engine.weights import NoSuchModel
from shared.core.region_packs import pack_of, regions_of
from tests.unit.recognition.networks import FunctionNetwork, detecting, naming, reading

pytestmark = pytest.mark.clause("468.4(c)/readings")

LEFT = ((100, 160), (164, 160), (164, 192), (100, 192))
RIGHT = ((300, 160), (364, 160), (364, 192), (300, 192))
CENTRED = ((48, 24), (144, 24), (144, 72), (48, 72))
"""Where a plate lies in the cut of a closer look."""
US = regions_of(("us",))
DOUBTED = ["7", "7", "A", {"B": 0.6, "8": 0.4}, "C", "1", "2", "3"]
"""No state issues either reading, so only the picture decides."""


class SaidOpinion:
    """A second reader with set answers, which records its calls."""

    def __init__(self, *texts, confidence=0.9):
        self._texts = texts
        self._confidence = confidence
        self.asked = []
        self.loaded = 0

    def load(self):
        self.loaded += 1

    def readings(self, frame, plate, line):
        self.asked.append((frame.shape, plate))
        return [
            TextLine(
                tuple(Glyph(one, self._confidence, i / len(text)) for i, one in enumerate(text)),
                line,
            )
            for text in self._texts
        ]


def an_engine(plates, texts, opinion=None, opinion_below=0.9, states=({"unknown": 1.0},)):
    return engine_of(
        detecting(*((0.9, quad) for quad in plates)),
        *texts,
        states=StateReader(naming(*states), minimum=0.8),
        opinion=opinion,
        opinion_below=opinion_below,
    )


def engine_of(
    detector,
    *texts,
    again=None,
    closer=None,
    states=None,
    regions=US,
    legible_minimum=0.5,
    **opinion,
):
    """Return an engine whose closer look sees a plate unless `closer` is given, and which reads these texts.

    `again` is the detector of its second search, if it has one; its closer look is the first one's.
    """
    refiner = CornerRefiner(closer or detecting((0.9, CENTRED)))
    first = Finder(PlateDetector(detector, longest_px=640, minimum=0.5), refiner)
    second = again and Finder(PlateDetector(again, longest_px=1280, minimum=0.5), refiner)
    return OwnEngine(
        PlateSearch(first, second, regions.plates),
        PlateReader(CutReader(reading(*texts)), states, regions=regions),
        regions=regions,
        digest="ab" * 32,
        legible_minimum=legible_minimum,
        **opinion,
    )


def frame(width=640, height=360):
    return np.full((height, width, 3), 90, np.uint8)


def test_warming_up_loads_the_second_opinion_where_there_is_one():
    opinion = SaidOpinion()
    an_engine([], [], opinion).warm_up()
    assert opinion.loaded == 1
    an_engine([], []).warm_up()


def test_plates_are_returned_from_left_to_right_with_region_alternatives_and_corners():
    texts = [{"plate": "7ABC123"}, {"plate": "BXR4826"}]
    states = [{"CA": 0.95}, {"CA": 0.5, "NV": 0.5}]
    first, second = an_engine([LEFT, RIGHT], texts, states=states).read(frame())
    assert (first.plate, first.plate_as_read, first.region) == ("7ABC123", "7ABC123", "US-CA")
    assert (second.plate, second.region) == ("BXR4826", None)
    assert first.alternatives[0].plate == "7ABC123"
    assert first.misread_risk == pytest.approx(1 - first.alternatives[0].probability)
    assert first.misread_risk < 0.02
    box, crop = first.box, first.crop
    assert (box.x_px, box.y_px) == (pytest.approx(100, abs=2), pytest.approx(160, abs=2))
    assert (box.width_px, box.height_px) == (pytest.approx(64, abs=3), pytest.approx(32, abs=3))
    assert crop.width_px > box.width_px
    xs, ys = zip(*first.corners, strict=True)
    assert 99 < min(xs) < max(xs) < 165
    assert 160 < min(ys) < max(ys) < 192


def test_plates_are_in_order_though_the_surer_one_is_on_the_right():
    doubted = ["7", "A", "B", "C", {"1": 0.6, "7": 0.4}, "2", "3"]
    found = an_engine([LEFT, RIGHT], [{"plate": doubted}, {"plate": "BXR4826"}]).read(frame())
    assert [one.plate for one in found] == ["7ABC123", "BXR4826"]


def test_a_reading_has_three_alternatives_at_the_most_whatever_the_second_opinion_adds():
    opinion = SaidOpinion("6ABC999", "5XYZ000")
    [found] = an_engine([LEFT], [{"plate": DOUBTED}], opinion).read(frame())
    assert [one.plate for one in found.alternatives] == ["77ABC123", "77A8C123", "6ABC999"]


def test_a_batch_gives_each_frame_its_own_plates():
    engine = an_engine([LEFT], [{"plate": "7ABC123"}, {"plate": "8XYZ999"}])
    assert [[one.plate for one in readings] for readings in engine.read_batch([frame()] * 2)] == [
        ["7ABC123"],
        ["8XYZ999"],
    ]
    assert engine.read_batch([]) == []
    assert an_engine([], [{"plate": ""}]).read_batch([frame()]) == [[]]


@pytest.mark.parametrize(
    "text",
    [
        {"plate": "7ABC123", "legible": 0.49},
        {"plate": "7"},
        {"plate": ""},
        {"plate": "7ABC12345"},
        {"plate": "EXIT"},
        {"plate": "TEXAS"},
    ],
)
def test_an_illegible_plate_gives_no_reading(text):
    assert an_engine([LEFT], [text]).read(frame()) == []


@pytest.mark.parametrize(
    ("plate", "could"),
    [
        ("7A", True),
        ("DRIFTER", True),
        ("EXIT21B", True),
        ("POLICE", False),
        ("OHIO", False),
        ("FLORIOA", False),
        ("GATE04", False),
        ("GATX04", True),
        ("CAM01", False),
        ("CAB123", True),
        ("4MATIC", False),
        ("F150", False),
        ("4MATICS", True),
        ("F151", True),
    ],
)
def test_words_of_signs_states_and_models_are_no_plates_but_personal_ones_are(plate, could):
    assert could_be_a_plate(plate, US) is could


def far_and_near(near, *, elsewhere=()):
    """Return a detector that sees one plate at 1,280 px, and other places (score, corners) at 640 px."""
    networks = {1280: detecting((0.9, near)), 640: detecting(*elsewhere)}
    nothing = detecting()
    return FunctionNetwork(lambda pictures: networks.get(pictures.shape[2], nothing).run(pictures))


def searching_again(detector, *texts, **more):
    return engine_of(detector, *texts, again=detector, **more)


@pytest.mark.parametrize(
    ("elsewhere", "texts"),
    [
        ([], []),
        ([(0.9, RIGHT)], [{"plate": "", "legible": 0.1}]),
        ([(0.9, RIGHT)], [{"plate": "EXIT"}]),
    ],
    ids=["nothing found", "nothing legible", "no plate's text"],
)
def test_a_frame_without_a_reading_is_searched_again_with_more_detail(elsewhere, texts):
    engine = searching_again(far_and_near(LEFT, elsewhere=elsewhere), *texts, {"plate": "7ABC123"})
    assert [one.plate for one in engine.read(frame(1280, 720))] == ["7ABC123"]


def test_a_frame_whose_places_the_closer_look_makes_improbable_is_searched_again():
    looks = iter([detecting((0.1, CENTRED)), detecting((0.9, CENTRED))])
    closer = FunctionNetwork(lambda pictures: next(looks).run(pictures))
    detector = far_and_near(LEFT, elsewhere=[(0.7, RIGHT)])
    [found] = searching_again(detector, {"plate": "7ABC123"}, closer=closer).read(frame(1280, 720))
    assert found.box.x_px < LEFT[1][0]
    assert [pictures.shape[2] for pictures in detector.shown] == [640, 1280]


def test_a_frame_with_a_reading_is_searched_once():
    detector = far_and_near(LEFT, elsewhere=[(0.9, RIGHT)])
    engine = searching_again(detector, {"plate": "8XYZ999"})
    assert [one.plate for one in engine.read(frame(1280, 720))] == ["8XYZ999"]
    assert [pictures.shape[2] for pictures in detector.shown] == [640]


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_the_second_search_is_by_the_second_detector(size):
    first, second = detecting(), detecting((0.9, LEFT))
    [found] = engine_of(first, {"plate": "7ABC123"}, again=second).read(frame(*size))
    assert found.box.x_px == pytest.approx(100, abs=2)
    assert [pictures.shape[2] for pictures in second.shown] == [size[0]]
    assert [pictures.shape[2] for pictures in first.shown] == [640]


def test_without_a_second_detector_a_frame_is_searched_once():
    blank = far_and_near(LEFT)
    assert engine_of(blank, {"plate": "7ABC123"}).read(frame(1280, 720)) == []
    assert [pictures.shape[2] for pictures in blank.shown] == [640]


def test_what_the_second_search_finds_is_examined_by_its_own_closer_look():
    first, second = detecting(), detecting((0.9, CENTRED))
    texts = PlateReader(CutReader(reading({"plate": "7ABC123"})), regions=US)
    detectors = detecting(), detecting((0.9, LEFT))
    search = PlateSearch(
        Finder(PlateDetector(detectors[0], longest_px=640, minimum=0.5), CornerRefiner(first)),
        Finder(PlateDetector(detectors[1], longest_px=1280, minimum=0.5), CornerRefiner(second)),
        US.plates,
    )
    engine = OwnEngine(search, texts, regions=US, digest="", legible_minimum=0.5)
    assert [one.plate for one in engine.read(frame())] == ["7ABC123"]
    assert not first.shown
    assert len(second.shown) > 0


def test_of_a_batch_only_the_frames_without_a_reading_are_searched_again():
    detector = far_and_near(LEFT, elsewhere=[(0.9, RIGHT)])
    texts = [{"plate": "8XYZ999"}, {"plate": "", "legible": 0.1}, {"plate": "7ABC123"}]
    readings = searching_again(detector, *texts).read_batch([frame(1280, 720)] * 2)
    assert [[one.plate for one in each] for each in readings] == [["8XYZ999"], ["7ABC123"]]
    assert [pictures.shape[2] for pictures in detector.shown] == [640, 640, 1280]


@pytest.mark.parametrize(
    ("plate", "count"),
    [
        ("7ABC123", 1),
        ("RAVEN4", 0),
        ([*"7ABC12", {"3": 0.61, "8": 0.39}], 1),
        ([*"7ABC12", {"3": 0.59, "8": 0.41}], 0),
    ],
)
def test_only_a_sure_plate_of_an_issued_series_counts_in_a_second_search(plate, count):
    again = searching_again(far_and_near(LEFT), {"plate": plate})
    assert len(again.read(frame(1280, 720))) == count
    at_once = searching_again(detecting((0.9, LEFT)), {"plate": plate})
    assert len(at_once.read(frame(1280, 720))) == 1


@pytest.mark.parametrize(("state", "count"), [("CA", 1), ("TX", 0)])
def test_in_a_second_search_the_series_of_the_plates_own_state_counts(state, count):
    states = StateReader(naming({state: 0.95}), minimum=0.8)
    again = searching_again(far_and_near(LEFT), {"plate": "7ABC123"}, states=states)
    assert len(again.read(frame(1280, 720))) == count


@pytest.mark.parametrize(
    ("score", "closer", "legible", "count"),
    [
        (0.62, 0.62, 0.99992, 0),
        (0.62, 0.62, 0.99993, 1),
        (0.9, 0.9, 0.99958, 0),
        (0.9, 0.9, 0.9996, 1),
        (0.9, 0.62, 0.9997, 0),
        (0.62, 0.9, 0.9997, 0),
        (0.62, 0.9, 0.9999, 1),
        (0.99, 0.99, 0.9984, 0),
        (0.99, 0.99, 0.9986, 1),
    ],
)
def test_both_looks_and_the_reader_have_to_be_sure_together_and_the_plate_legible(
    score, closer, legible, count
):
    text = {"plate": "7ABC123", "legible": legible}
    engine = engine_of(
        detecting((score, LEFT)), text, closer=detecting((closer, CENTRED)), legible_minimum=0.9985
    )
    assert len(engine.read(frame())) == count


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_what_is_certain_has_finite_log_odds(probability):
    assert abs(log_odds(probability)) == pytest.approx(16.1, abs=0.1)
    assert log_odds(0.9) == pytest.approx(2.197, abs=0.001)


@pytest.mark.parametrize(
    ("width", "closer", "count"),
    [(LARGE_PX - 4, 0.9, 0), (LARGE_PX + 4, 0.9, 1), (LARGE_PX + 4, 0.08, 0)],
)
def test_a_large_plate_that_the_closer_look_misplaces_is_read_where_the_second_search_sees_it(
    width, closer, count
):
    plate = ((100, 160), (100 + width, 160), (100 + width, 160 + width / 2), (100, 160 + width / 2))
    wider = ((20, 20), (172, 20), (172, 76), (20, 76))
    networks = {640: detecting(), 1280: detecting((0.9, plate)), 192: detecting((closer, wider))}
    detector = FunctionNetwork(lambda pictures: networks[pictures.shape[2]].run(pictures))
    misplaced = [{"plate": "M7ABC12377"}] if closer > PROBABLE else []
    texts = *misplaced, {"plate": "7ABC123"}
    engine = searching_again(detector, *texts, closer=networks[192])
    found = engine.read(frame(1280, 720))
    assert [one.plate for one in found] == ["7ABC123"] * count
    if found:
        assert found[0].box.width_px == pytest.approx(width, abs=3)


def test_the_first_search_returns_a_large_plate_once():
    width = LARGE_PX + 4
    plate = ((100, 160), (100 + width, 160), (100 + width, 160 + width / 2), (100, 160 + width / 2))
    reader = reading({"plate": "7ABC123"})
    engine = engine_of(detecting((0.9, plate)))
    engine._reader = PlateReader(CutReader(reader), regions=US)
    assert len(engine.read(frame())) == 1
    assert sum(len(shown) for shown in reader.shown) == 1


@pytest.mark.parametrize(
    ("score", "closer", "count"), [(0.7, 0.28, 0), (0.7, 0.32, 1), (0.55, 0.48, 1), (0.99, 0.0, 0)]
)
def test_a_place_is_read_only_if_both_looks_together_make_it_probable(score, closer, count):
    reader = reading({"plate": "7ABC123"})
    engine = engine_of(detecting((score, LEFT)), closer=detecting((closer, CENTRED)))
    engine._reader = PlateReader(CutReader(reader), regions=US)
    assert len(engine.read(frame())) == count
    assert sum(len(shown) for shown in reader.shown) == count


@pytest.mark.parametrize(("doubted", "count"), [(3, 1), (8, 0)])
def test_a_text_with_less_than_one_chance_in_two_hundred_is_no_reading(doubted, count):
    """Of eight characters with 0.5 each, one text in 256 is right; no state issues any of these."""
    plate = [{"A": 0.5, "H": 0.3, "N": 0.2}] * doubted + ["A"] * (8 - doubted)
    found = an_engine([LEFT], [{"plate": plate}]).read(frame())
    assert [one.plate for one in found] == ["AAAAAAAA"] * count
    opinion = SaidOpinion("AAAAAAAA")
    assert len(an_engine([LEFT], [{"plate": plate}], opinion).read(frame())) == 1


def test_the_engine_reports_the_versions_of_its_networks_and_rules():
    engine = an_engine([], [{"plate": ""}])
    assert (engine.name, engine.digest) == ("plateward-7/9", "ab" * 32)


def test_only_an_unsure_reading_is_sent_to_the_second_reader():
    opinion = SaidOpinion("77ABC123")
    engine = an_engine([LEFT, RIGHT], [{"plate": "8XYZ999"}, {"plate": DOUBTED}], opinion)
    sure, unsure = engine.read(frame())
    [(_, plate)] = opinion.asked
    assert plate == pytest.approx(np.array(RIGHT), abs=0.5)
    assert sure.plate == "8XYZ999"
    assert unsure.plate == "77ABC123"


def test_an_agreeing_second_reader_raises_the_confidence():
    [alone] = an_engine([LEFT], [{"plate": DOUBTED}]).read(frame())
    [agreed] = an_engine([LEFT], [{"plate": DOUBTED}], SaidOpinion("77ABC123")).read(frame())
    assert agreed.plate == alone.plate == "77ABC123"
    assert agreed.misread_risk < alone.misread_risk
    assert agreed.confidence > alone.confidence


def test_a_candidate_of_ours_wins_with_a_second_vote_and_has_the_text_of_that_reading():
    opinion = SaidOpinion("77A8 C123")
    [reading_] = an_engine([LEFT], [{"plate": DOUBTED}], opinion).read(frame())
    assert (reading_.plate, reading_.plate_as_read) == ("77A8C123", "77A8 C123")
    assert [one.plate for one in reading_.alternatives][:2] == ["77A8C123", "77ABC123"]
    assert reading_.misread_risk == pytest.approx(1 - (0.4 + 0.45) / 1.5, abs=0.02)


def test_a_text_of_ours_that_is_confirmed_keeps_what_the_network_itself_read():
    given = {"plate": [{"4": 0.45, "L": 0.55}, *"EFU387"]}
    opinion = SaidOpinion("4EFU387")
    [reading_] = an_engine([LEFT], [given], opinion, states=[{"CA": 0.95}]).read(frame())
    assert (reading_.plate, reading_.plate_as_read) == ("4EFU387", "LEFU387")


def a_text(region, *candidates):
    """Return our reader's text of a plate, with the probability of each candidate."""
    alternatives = tuple(Alternative(plate, sure) for plate, sure in candidates)
    first, sure = candidates[0]
    line = np.array(LEFT, np.float32)
    characters = tuple(Character(one, sure) for one in first)
    return Text(characters, alternatives, sure, 1.0, region, line, first)


@pytest.mark.parametrize(("region", "plate"), [("US-CA", "4EFU387"), ("US-TX", "LEFU387")])
def test_the_series_of_the_plates_own_state_counts_in_the_vote(region, plate):
    own = a_text(region, ("LEFU387", 0.55), ("4EFU387", 0.45))
    second = SaidOpinion("4EFU387", confidence=0.1).readings(frame(), None, own.line)
    chosen, _ = weighed(own, second, US)
    assert chosen.plate == plate


def test_second_readings_together_weigh_half_of_ours_in_each_character():
    own = a_text(None, ("7ABC123", 0.6))
    second = SaidOpinion("7ABD123", "7ABD123").readings(frame(), None, own.line)
    chosen, _ = weighed(own, second, US)
    assert chosen.characters[3].text == "C"
    assert chosen.characters[3].confidence == pytest.approx(0.6 / 1.5)


def test_a_text_that_our_reader_excludes_does_not_win_however_many_votes_it_has():
    opinion = SaidOpinion("99ZZZ999", "99ZZZ999", "99ZZZ999", confidence=1.0)
    [reading_] = an_engine([LEFT], [{"plate": DOUBTED}], opinion).read(frame())
    assert reading_.plate == reading_.plate_as_read == "77ABC123"
    assert reading_.misread_risk > 0.5
    assert reading_.confidence < 0.5
    assert "99ZZZ999" in [one.plate for one in reading_.alternatives]


def test_the_reading_that_the_state_issues_wins_among_nearly_equal_ones():
    given = {"plate": [{"4": 0.45, "L": 0.55}, *"EFU387"]}
    for opinion in (None, SaidOpinion()):
        [reading_] = an_engine([LEFT], [given], opinion, states=[{"CA": 0.95}]).read(frame())
        assert (reading_.plate, reading_.plate_as_read) == ("4EFU387", "LEFU387")
        first, second, *_ = reading_.alternatives
        odds = 0.45 * pack_of("us").issued_oftener
        assert (first.plate, second.plate) == ("4EFU387", "LEFU387")
        assert first.probability == pytest.approx(odds / (odds + 0.55), abs=0.01)


def test_the_states_series_does_not_change_a_clear_reading():
    given = {"plate": [{"4": 0.05, "L": 0.95}, *"EFU387"]}
    [reading_] = an_engine([LEFT], [given], states=[{"CA": 0.95}]).read(frame())
    assert (reading_.plate, reading_.plate_as_read) == ("LEFU387", "LEFU387")


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(NoSuchModel, match=r"needs detector\.onnx"):
        find_own(tmp_path)
    (tmp_path / "detector.onnx").write_bytes(b"d")
    with pytest.raises(NoSuchModel, match=r"needs second_detector\.onnx"):
        find_own(tmp_path)
    (tmp_path / "second_detector.onnx").write_bytes(b"e")
    with pytest.raises(NoSuchModel, match=r"needs reader\.onnx"):
        find_own(tmp_path)
    (tmp_path / "reader.onnx").write_bytes(b"r")
    with pytest.raises(NoSuchModel, match=r"needs second_reader\.onnx"):
        find_own(tmp_path)
    (tmp_path / "second_reader.onnx").write_bytes(b"t")
    with pytest.raises(NoSuchModel, match=r"needs states\.onnx"):
        find_own(tmp_path)
    (tmp_path / "states.onnx").write_bytes(b"s")
    first = find_own(tmp_path).digest
    assert len(first) == 64
    for name in ("detector", "second_detector", "reader", "second_reader", "states"):
        kept = (tmp_path / f"{name}.onnx").read_bytes()
        (tmp_path / f"{name}.onnx").write_bytes(b"other")
        assert find_own(tmp_path).digest != first
        (tmp_path / f"{name}.onnx").write_bytes(kept)
    assert find_own(tmp_path).digest == first


def shipped(**settings):
    """Return the engine with the weights that ship with the service; without a second search unless settings say so."""
    usual = {
        "packs": ("us",),
        "detector_px": 640,
        "detector_again_px": 0,
        "detector_minimum": 0.5,
        "legible_minimum": 0.5,
        "region_minimum": 0.9,
        "recut_below": 0.0,
        "with_stacked": False,
        "opinion_model": "ppocrv6-small",
        "opinion_below": 0.0,
    }
    return load_own(**usual | settings)


def test_an_engine_without_its_weights_does_not_load(tmp_path):
    with pytest.raises(NoSuchModel):
        shipped(detector_again_px=1280, recut_below=0.97, opinion_below=0.9, folder=tmp_path)


EUROPE = regions_of(("europe",))
LONG = ((100, 160), (260, 160), (260, 196), (100, 196))


def seeing(whole, narrowed):
    """Return a detector that sees plates in whole frames, and others in narrowed ones."""
    networks = {640: detecting(*whole), 320: detecting(*narrowed)}
    return FunctionNetwork(lambda pictures: networks[pictures.shape[2]].run(pictures))


CUT = ((48, 36), (144, 36), (144, 60), (48, 60))
"""A long plate in the middle of a closer look's cut."""


def european(detector, *texts, regions=EUROPE, closer=None):
    return engine_of(detector, *texts, regions=regions, closer=closer)


def narrow(quad):
    return [(x * NARROWED, y) for x, y in quad]


def test_frames_are_narrowed_for_long_plates_alone():
    assert searched_widths(US.plates) == (1.0,)
    assert searched_widths(EUROPE.plates) == (1.0, NARROWED)
    assert searched_widths(EUROPE.plates[:1]) == (NARROWED,)


def test_a_long_plate_that_only_the_narrowed_frame_shows_is_read_where_it_is():
    detector = seeing([], [(0.9, narrow(LONG))])
    [found] = european(detector, {"plate": "B123ABC"}).read(frame())
    assert found.plate == "B123ABC"
    assert found.box.x_px == pytest.approx(100, abs=2)
    assert found.box.width_px == pytest.approx(160, abs=3)
    assert an_engine([], [{"plate": "B123ABC"}]).read(frame()) == []


def test_a_plate_that_two_searches_find_is_read_once_in_its_most_probable_reading():
    doubted = ["B", "1", "2", "3", "A", "B", {"C": 0.6, "G": 0.4}]
    for texts in ([doubted, "B123ABG"], ["B123ABG", doubted]):
        detector = seeing([(0.9, LONG)], [(0.9, narrow(LONG))])
        found = european(detector, *({"plate": text} for text in texts)).read(frame())
        assert [one.plate for one in found] == ["B123ABG"]


@pytest.mark.parametrize(("apart_px", "count"), [(70, 1), (130, 2)])
def test_what_two_searches_find_is_one_plate_if_it_overlaps(apart_px, count):
    there = tuple((x + apart_px, y) for x, y in LONG)
    detector = seeing([(0.9, LONG)], [(0.9, narrow(there))])
    found = european(detector, {"plate": "B123ABC"}, {"plate": "B123ABG"}).read(frame())
    assert len(found) == count


def test_two_plates_side_by_side_stay_two():
    there = tuple((x + 300, y) for x, y in LONG)
    detector = seeing([(0.9, LONG)], [(0.9, narrow(there))])
    found = european(detector, {"plate": "B123ABC"}, {"plate": "B123ABG"}).read(frame())
    assert [one.plate for one in found] == ["B123ABC", "B123ABG"]


@pytest.mark.parametrize(
    ("score", "closer", "count"),
    [
        (0.3, 0.9, 1),
        (NARROWED_MINIMUM + 0.02, 0.9, 1),
        (NARROWED_MINIMUM - 0.02, 0.9, 0),
        (0.4, 0.15, 1),
        (0.3, 0.1, 0),
    ],
)
def test_a_narrowed_frame_takes_what_is_less_probable(score, closer, count):
    engine = european(
        seeing([], [(score, narrow(LONG))]),
        {"plate": "B123ABC"},
        closer=detecting((closer, CUT)),
    )
    assert len(engine.read(frame())) == count


@pytest.mark.parametrize(("score", "count"), [(0.51, 1), (0.49, 0)])
@pytest.mark.parametrize("regions", [US, EUROPE], ids=["us", "europe"])
def test_a_whole_frame_takes_what_is_as_probable_as_its_detector_wants(regions, score, count):
    """Only a narrowed frame takes less."""
    detector = seeing([(score, LONG)], [])
    engine = european(
        detector, {"plate": "B123ABC"}, regions=regions, closer=detecting((0.99, CUT))
    )
    assert len(engine.read(frame())) == count


def set_in(engine):
    """Return what the settings of an engine came to in its parts."""
    search, reader = engine._search, engine._reader
    return {
        "detector_px": search._first.detector._longest_px,
        "detector_again_px": search._again.detector._longest_px,
        "detector_minimum": search._first.detector._minimum,
        "again_minimum": search._again.detector._minimum,
        "legible_minimum": engine._legible_minimum,
        "region_minimum": reader._states._minimum,
        "recut_below": reader._recut_below,
        "with_stacked": reader._with_stacked,
        "opinion_below": engine._opinion_below,
    }


@pytest.mark.parametrize("with_stacked", [False, True])
def test_each_setting_reaches_the_part_that_it_is_of(with_stacked):
    given = {
        "detector_px": 704,
        "detector_again_px": 1248,
        "detector_minimum": 0.41,
        "legible_minimum": 0.97,
        "region_minimum": 0.93,
        "recut_below": 0.7,
        "with_stacked": with_stacked,
        "opinion_below": 0.55,
    }
    assert set_in(shipped(**given)) == {**given, "again_minimum": 0.41}


def test_a_worker_has_one_thread_for_pictures():
    """Its neighbours have the other cores."""
    cv2.setNumThreads(2)
    shipped()
    assert cv2.getNumThreads() == 1


@pytest.mark.parametrize(("packs", "named"), [(("us",), True), (("europe",), False)])
def test_only_packs_with_states_of_the_us_have_their_names_read(packs, named):
    engine = shipped(packs=packs)
    assert (len(engine._reader.versions) == 3) is named
    assert engine.name.endswith("/9" if packs == ("us",) else "/9-europe")


@pytest.mark.parametrize(("again_px", "searched_at"), [(0, []), (1280, [1280])])
def test_a_second_search_is_by_the_second_detectors_weights_at_its_own_size(again_px, searched_at):
    engine = shipped(detector_again_px=again_px)
    weights = find_own()
    first, second = (
        OnnxNetwork(path).about["version"] for path in (weights.detector, weights.second_detector)
    )
    assert first in engine.name
    assert (second in engine.name) is bool(searched_at)
    assert engine._search.versions == (first, *[second] * len(searched_at))
    again = engine._search._again
    assert [again.detector._longest_px for _ in searched_at] == searched_at
    assert engine._search._first.detector._longest_px == 640
    if again is not None:
        assert again.closer._network.about["version"] == second


def test_the_digest_covers_the_weights_of_the_second_opinion():
    asked = [("ppocrv6-small", 0.0), ("ppocrv6-small", 0.6), ("ppocrv6-tiny", 0.6)]
    engines = [shipped(opinion_model=model, opinion_below=below) for model, below in asked]
    assert engines[0].digest == find_own().digest
    assert len({engine.digest for engine in engines}) == len(asked)


def test_lengths_of_a_serial_are_those_of_the_packs():
    assert could_be_a_plate("A123BC777", EUROPE)
    assert not could_be_a_plate("A123BC777", US)
    assert could_be_a_plate("7A", US)
    assert not could_be_a_plate("7A", EUROPE)


def test_a_models_badge_that_has_the_format_of_an_issued_series_could_be_a_plate():
    assert could_be_a_plate("S350", EUROPE)
    assert not could_be_a_plate("S350", US)
