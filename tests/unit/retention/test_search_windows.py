"""Windows of a search: newest first, without gap or overlap, as wide as the yield suggests."""

from datetime import UTC, datetime, timedelta

from services.retention.domain.search_windows import MOST_GROWTH, Windows

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Watch:
    """A clock that each window takes `step_s` of."""

    def __init__(self, step_s):
        self.now_s = 0.0
        self.step_s = step_s

    def __call__(self):
        self.now_s += self.step_s / 2  # once as a window begins, once as it ends
        return self.now_s


def made_of(since, until, first, **more):
    return Windows(since, until, first, **{"most_s": 2, "monotonic": Watch(0)} | more)


def all_of(windows, found=0, missing=100):
    made = []
    while (window := windows.next()) is not None:
        made.append(window)
        windows.widen(found, missing)
    return made


def test_windows_cover_the_whole_from_the_newest_on_without_gap_or_overlap():
    made = all_of(made_of(NOON - 400 * DAY, NOON, HOUR))
    assert made[0] == (NOON - HOUR, NOON)
    assert made[-1][0] == NOON - 400 * DAY
    assert [until for _, until in made[1:]] == [since for since, _ in made[:-1]]
    assert len(made) == 6


def test_a_short_remainder_is_part_of_the_last_window():
    assert all_of(made_of(NOON - 1.5 * HOUR, NOON, HOUR)) == [(NOON - 1.5 * HOUR, NOON)]
    assert all_of(made_of(NOON - HOUR, NOON, 2 * DAY)) == [(NOON - HOUR, NOON)]


def test_an_empty_window_has_no_parts():
    assert made_of(NOON, NOON, HOUR).next() is None
    assert made_of(NOON + HOUR, NOON, HOUR).next() is None


def test_the_yield_of_a_window_determines_the_width_of_the_next():
    def second(found, missing, **more):
        windows = made_of(NOON - 400 * DAY, NOON, HOUR, **more)
        windows.next()
        windows.widen(found, missing)
        since, until = windows.next()
        return until - since

    assert second(50, 100) == 3 * HOUR  # half as much again as twice the window
    assert second(0, 100) == second(1, 100) == MOST_GROWTH * HOUR
    assert second(100, 1) == HOUR
    assert second(100, 1, least_growth=2) == 2 * HOUR


def test_no_window_begins_after_the_time_limit_and_the_remainder_is_reported():
    windows = made_of(NOON - 400 * DAY, NOON, HOUR, most_s=2, monotonic=Watch(0.9))
    made = all_of(windows)
    assert len(made) == 3
    assert windows.rest_until == made[-1][0]


def test_the_first_window_is_searched_regardless_of_the_time_limit():
    windows = made_of(NOON - 400 * DAY, NOON, HOUR, most_s=0)
    assert len(all_of(windows)) == 1
    assert windows.rest_until == NOON - HOUR


def test_no_remainder_is_reported_once_all_is_covered():
    windows = made_of(NOON - HOUR, NOON, DAY, most_s=0)
    assert len(all_of(windows)) == 1
    assert windows.rest_until is None


def test_a_window_grows_no_more_than_the_time_for_a_page_allows():
    windows = made_of(NOON - 400 * DAY, NOON, HOUR, most_s=3, monotonic=Watch(2))
    first, second = all_of(windows)
    assert second[1] - second[0] == 3 * (first[1] - first[0])
