"""Which reads are of one vehicle: never two of one frame, never the car behind."""

import random
from datetime import timedelta
from uuid import UUID

import pytest

from services.retention.domain.passes import (
    FOLLOWED_AT_MOST,
    READS_AT_MOST,
    Follower,
    OpenPass,
    Rules,
    Span,
    Track,
    clusters,
    pass_id_of,
    still_open,
)
from services.retention.domain.tracks import tracks_of
from tests.unit.retention.sighted import NOON, sighting

RULES = Rules(gap=timedelta(seconds=3), longest=timedelta(seconds=60))
GUESS = [0.98] * 6 + [0.4]


def followed(reads):
    """Return the plates of each track, tracks by their first read."""
    tracks = tracks_of(reads, (), RULES)
    assert members(tracks) == members(Follower(RULES).follow(reads, ()))
    return sorted([[s.plate for s in track.sightings] for track in tracks])


def members(tracks):
    """Return of each track its pass, reads, late reads, surest read and classes."""
    return sorted(
        (
            str(track.pass_id),
            [s.read_id for s in track.sightings],
            [s.read_id for s in track.added],
            track.surest.read_id,
            sorted(track.classes),
            (track.first_at, track.last_at, track.reads),
        )
        for track in tracks
    )


def moment(seconds):
    return NOON + timedelta(seconds=seconds)


def test_reads_of_one_plate_close_in_time_are_one_pass():
    assert followed([sighting("7ABC123", n) for n in range(4)]) == [["7ABC123"] * 4]


@pytest.mark.parametrize(("seconds", "passes"), [(3.0, 1), (3.001, 2)])
def test_a_pass_ends_after_the_gap(seconds, passes):
    assert len(followed([sighting("7ABC123"), sighting("7ABC123", seconds)])) == passes


def test_a_vehicle_that_stays_is_another_pass_after_the_longest_time():
    tracks = followed([sighting("7ABC123", n) for n in range(0, 122, 2)])
    assert [len(track) for track in tracks] == [30, 31]  # 0 to 60 s, and later reads


@pytest.mark.parametrize("at", [None, 500])
def test_two_reads_of_one_frame_never_merge(at):
    reads = [
        sighting("7ABC123", n, at=None if at is None else at + 2 * lane, sure=0.9 + lane / 100)
        for n in range(3)
        for lane in range(2)
    ]
    assert followed(reads) == [["7ABC123"] * 3] * 2


def test_cars_side_by_side_form_separate_passes_even_with_missed_reads():
    left = [sighting("7ABC123", n / 5, at=100 + 20 * n) for n in (0, 1, 3, 4)]
    right = [sighting("7ABC124", n / 5, at=700 + 20 * n) for n in (0, 2, 3)]
    assert followed([*left, *right]) == [["7ABC123"] * 4, ["7ABC124"] * 3]


@pytest.mark.parametrize("seconds", [0.6, 1, 2])
def test_the_next_car_of_a_fleet_in_the_same_place_is_another_pass(seconds):
    """The plates are in sequence, both clear, and the second car is in the place of the first."""
    first = [sighting("1234567", n / 10, at=500) for n in range(3)]
    second = [sighting("1234568", 0.2 + seconds + n / 10, at=500) for n in range(3)]
    assert followed([*first, *second]) == [["1234567"] * 3, ["1234568"] * 3]


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2])
@pytest.mark.parametrize("at", [None, 500])
def test_a_different_plate_close_behind_is_another_pass(seconds, at):
    reads = [sighting("7ABC123", 0, at=at), sighting("8XYZ987", seconds, at=at)]
    assert len(followed(reads)) == 2


def test_a_misread_frame_joins_where_the_plate_hardly_moved():
    reads = [sighting("7ABC123", n / 10, at=500 + 5 * n) for n in (0, 1, 3)]
    reads.append(sighting("7A3C123", 0.2, at=510))
    assert followed(reads) == [["7ABC123", "7ABC123", "7A3C123", "7ABC123"]]


def test_a_read_with_a_guessed_character_joins_and_one_with_a_clear_character_does_not():
    one, far = sighting("7ABC123", 0, at=500), 700
    assert len(followed([one, sighting("7ABC124", 1, at=far, sure=GUESS)])) == 1
    assert len(followed([one, sighting("7ABC124", 1, at=far)])) == 2


def test_without_a_place_in_the_frame_only_look_alikes_join_a_pass():
    one = sighting("7ABC123")
    assert len(followed([one, sighting("7A8C123", 1)])) == 1
    assert len(followed([one, sighting("7ABC124", 1, sure=GUESS)])) == 2


@pytest.mark.parametrize("box", [(3500, 300, 120, 40), (3500, 300, 1200, 400)])
def test_reads_too_far_apart_or_of_different_size_do_not_join(box):
    near = sighting("7A8C123", 0, at=10)
    far = sighting("7ABC123", 0.1, box=type(near.box)(*box))
    assert len(followed([near, far])) == 2


def test_unsure_reads_do_not_connect_two_cars():
    """Each read is close to the one before it, but the last car is another than the first."""
    steps = ["7ABC123", "7ABC1Z3", "7ABCXZ3", "7AWCXZ3", "8QWDXZ4"]
    reads = [
        sighting(plate, n / 4, at=500, sure=0.9 if n in (0, 4) else 0.45)
        for n, plate in enumerate(steps)
    ]
    for track in followed(reads):
        assert not {steps[0], steps[4]} <= set(track)


def test_another_agencys_read_of_the_same_camera_is_another_pass():
    reads = [sighting("7ABC123"), sighting("7ABC123", 1, agency_ori="CA0520000")]
    assert len(followed(reads)) == 2


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_reads_come_does_not_matter(seed):
    rnd = random.Random(seed)
    reads = [
        sighting(plate, n * rnd.choice([0.2, 0.9, 3.2]), at=rnd.choice([None, 100, 900]))
        for plate in ("7ABC123", "7A8C123", "8XYZ987")
        for n in range(5)
    ]
    assert followed(rnd.sample(reads, len(reads))) == followed(reads)


def test_a_flood_is_grouped_by_equal_plates():
    """With more reads at once than a camera sees, the rule skips pairwise comparison and finds equal plates."""
    plates = [f"7ABC{n:03}" for n in range(FOLLOWED_AT_MOST * 4)]
    reads = [sighting(p, n / 1000 + turn) for turn in range(2) for n, p in enumerate(plates)]
    assert followed(reads) == [[plate] * 2 for plate in plates]


def test_a_late_read_joins_a_closed_pass_without_changing_its_reads():
    closed = Track([sighting("7ABC123", n) for n in (0, 1, 3)], pass_id_of(sighting("7ABC123")))
    between, behind, far = (sighting("7ABC123", n) for n in (2, 4.5, 20))
    tracks = Follower(RULES).follow([between, behind, far], [closed])
    assert closed.added == [between, behind]
    assert [track.pass_id for track in tracks].count(None) == 1


def test_a_late_read_from_before_a_closed_pass_joins_it_too():
    closed = Track([sighting("7ABC123", n) for n in (3, 4)], pass_id_of(sighting("7ABC123", 3)))
    Follower(RULES).follow([sighting("7ABC123", 1)], [closed])
    assert len(closed.added) == 1


@pytest.mark.parametrize("seed", range(200))
def test_reads_without_places_in_frames_give_the_same_tracks_without_a_comparison_of_pairs(seed):
    rnd = random.Random(seed)

    def draw(count, box=None):
        return [
            sighting(
                rnd.choice(("7ABC123", "7A8C123", "7ABC1Z3", "8XYZ987", "8XYZ98T")),
                rnd.randrange(0, 900 if seed % 2 else 80) / 10,
                sure=rnd.choice((0.4, 0.9, 0.98)),
                at=box,
                agency_ori=rnd.choice(("CA0520100",) * 9 + ("CA0520000",)),
                read_id=UUID(int=rnd.getrandbits(128)),
            )
            for _ in range(count)
        ]

    free = draw(rnd.randrange(60))
    if seed % 5 == 0:
        free += draw(1, box=400)
    passes = rnd.randrange(3) and Follower(RULES).follow(draw(8), ())

    def closed():
        return [Track(list(track.sightings), pass_id_of(track.sightings[0])) for track in passes]

    if seed % 7 == 0 and passes:
        passes[0].sightings += draw(1)
    passes = passes or []
    rules = Rules(gap=RULES.gap, longest=timedelta(seconds=rnd.choice((5, 60))))
    plain = Follower(rules).follow(free, closed())
    assert members(tracks_of(rnd.sample(free, len(free)), closed(), rules)) == members(plain)


def an_open_pass(reads, *, nearby):
    """Return a stored pass of reads, of which the last `nearby` are at hand."""
    whole = Track(reads)
    pass_id = pass_id_of(whole.sightings[0])
    stored = OpenPass(
        pass_id,
        whole.first_at,
        whole.last_at,
        len(reads),
        frozenset(whole.plates),
        whole.surest,
    )
    return Track(whole.sightings[len(reads) - nearby :], pass_id, stored)


@pytest.mark.parametrize("seed", range(200))
def test_open_passes_go_on_alike_without_a_comparison_of_pairs(seed):
    rnd = random.Random(seed)
    plates = ("7ABC123", "7A8C123", "8XYZ987")
    drawn = [
        (
            plate,
            [n * rnd.choice((1, 2, 4)) / 2 - 9 for n in range(rnd.randrange(2, 8))],
            rnd.random(),
        )
        for plate in plates[: rnd.randrange(1, 4)]
    ]
    nearby = rnd.randrange(3)
    free = [
        sighting(
            rnd.choice(plates),
            rnd.randrange(-20 if seed % 2 else 0, 200) / 10,
            sure=rnd.choice((0.5, 0.98)),
        )
        for _ in range(rnd.randrange(25))
    ]
    free = list({one.read_id: one for one in free}.values())

    def known():
        return [
            an_open_pass(
                [sighting(plate, at, sure=sure) for at in sorted(set(times))], nearby=nearby
            )
            for plate, times, sure in drawn
        ]

    rules = Rules(gap=RULES.gap, longest=timedelta(seconds=rnd.choice((5, 60))))
    plain = Follower(rules).follow(free, known())
    assert members(tracks_of(rnd.sample(free, len(free)), known(), rules)) == members(plain)


def test_reads_join_an_open_pass_of_which_the_first_reads_are_not_at_hand():
    track = an_open_pass([sighting("7ABC123", n) for n in range(0, 50, 2)], nearby=2)
    joins, too_long = sighting("7ABC123", 50), [sighting("7ABC123", n) for n in range(52, 64, 2)]
    found = tracks_of([joins, *too_long], [track], RULES)
    assert [one.reads for one in found] == [25 + 6, 1]
    assert (track.first_at, track.last_at) == (moment(0), moment(60))
    assert track.added == [joins, *too_long[:5]]
    assert not track.is_whole


@pytest.mark.clause("468.5/passes-in-sets")
def test_another_agencys_read_does_not_join_an_open_pass():
    """A camera may pass to another agency while a pass of its reads is open."""
    track = an_open_pass([sighting("7ABC123", n) for n in range(3)], nearby=3)
    other = sighting("7ABC123", 3, agency_ori="CA0520000")
    found = tracks_of([other], [track], RULES)
    assert [
        [s.agency_ori for s in one.added or one.sightings] for one in found if one is not track
    ] == [["CA0520000"]]
    assert track.added == []


@pytest.mark.clause("468.5/passes-in-sets")
def test_a_read_between_distant_reads_of_an_open_pass_is_compared_with_those_beside_it():
    whole = an_open_pass([sighting("7ABC123", n) for n in (0, 1, 20)], nearby=0)
    track = Track([sighting("7ABC123", n) for n in (0, 1)], whole.pass_id, whole.stored)
    between = sighting("7ABC123", 10)
    found = tracks_of([between], [track], RULES)
    assert [one.sightings for one in found if one is not track] == [[between]]
    assert track.added == []


@pytest.mark.clause("468.5/passes-in-sets")
@pytest.mark.parametrize("nearby", [0, 3])
def test_an_open_pass_begins_and_ends_with_the_reads_that_join_it(nearby):
    track = an_open_pass([sighting("7ABC123", n) for n in range(3)], nearby=nearby)
    assert (track.first_at, track.last_at) == (moment(0), moment(2))
    track.add(sighting("7ABC123", -1))
    track.add(sighting("7ABC123", 3))
    assert (track.first_at, track.last_at, track.reads) == (moment(-1), moment(3), 5)


@pytest.mark.clause("468.5/passes-in-sets")
def test_an_open_pass_has_the_plates_of_reads_that_are_not_at_hand():
    track = an_open_pass([sighting("7ABC123"), sighting("7A8C123", 1)], nearby=1)
    assert track.plates == {"7ABC123", "7A8C123"}


def test_an_open_pass_that_gets_no_read_is_still_decided_on():
    track = an_open_pass([sighting("7ABC123", n) for n in range(3)], nearby=0)
    for follow in (tracks_of, lambda *parts: Follower(parts[-1]).follow(*parts[:-1])):
        assert follow([], [track], RULES) == [track]
        assert track in follow([sighting("8XYZ987", 1)], [track], RULES)


def test_a_vehicle_with_more_reads_than_a_pass_may_have_starts_another():
    reads = [sighting("7ABC123", n / 100) for n in range(READS_AT_MOST + 5)]
    assert [len(track) for track in followed(reads)] == [5, READS_AT_MOST]


def track_of(*seconds):
    return Track([sighting("7ABC123", s) for s in seconds])


@pytest.mark.parametrize(
    ("expected", "is_open"),
    [
        ([], False),
        ([Span(moment(4), moment(9))], True),
        ([Span(moment(-9), moment(-3))], True),
        ([Span(moment(-99), moment(99))], True),
        ([Span(moment(4.001), moment(9)), Span(moment(-9), moment(-3.001))], False),
    ],
)
def test_a_pass_is_open_while_reads_of_its_time_may_arrive(expected, is_open):
    track = track_of(0, 1)
    assert (still_open([track], expected, RULES, None) == [track]) is is_open


def test_a_pass_stays_open_while_part_of_its_time_is_unexamined():
    early, late, single = track_of(0, 1), track_of(5, 6), track_of(6)
    assert still_open([early, late, single], [], RULES, moment(7)) == [late]


def test_spans_that_may_share_a_pass_are_processed_together():
    spans = [Span(moment(a), moment(b)) for a, b in ((20, 21), (0, 10), (2, 3), (15, 15), (40, 41))]
    assert clusters(spans, RULES.gap) == [
        Span(moment(0), moment(21)),
        Span(moment(40), moment(41)),
    ]
