"""How many rows the steps of a purge handle."""

import pytest

from services.retention.workers.destroyer import FEWEST, MOST, STEP_S, Pace

OF_A_ROW_S = 30e-6


def after(pace, steps, of_a_step_s, *, of_a_row_s=OF_A_ROW_S):
    """Return the rows of the last of some steps, each as large as the pace allows, and how long it took."""
    rows, duration_s = 0, 0.0
    for _ in range(steps):
        rows = pace.rows
        duration_s = of_a_step_s + of_a_row_s * rows
        pace.learn(rows, duration_s)
    return rows, duration_s


def test_a_step_has_as_many_rows_as_its_time_allows():
    rows, duration_s = after(Pace(), 30, 0.001)
    assert duration_s == pytest.approx(STEP_S, rel=0.3)
    assert after(Pace(), 30, 0.001, of_a_row_s=0.01)[0] == FEWEST
    assert after(Pace(), 30, 0.001, of_a_row_s=1e-7)[0] == MOST
    assert FEWEST < rows < MOST


@pytest.mark.parametrize("of_holds_s", [0.4, 1.1, 5.0])
def test_what_each_step_costs_however_few_its_rows_makes_no_step_smaller(of_holds_s):
    """Each hold in force costs two statements in each step: smaller steps would only ask them more often."""
    pace = Pace()
    pace.learn(0, of_holds_s)  # a span without records, as the first ones of a month mostly are
    rows, duration_s = after(pace, 40, of_holds_s)
    assert rows > 5000
    assert duration_s < of_holds_s + 2 * STEP_S
