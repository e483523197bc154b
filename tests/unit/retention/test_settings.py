"""What reads are one pass, and how long a search and a replica may take, unless a department sets it otherwise."""

import pytest

from services.retention.settings import Settings

DEFAULTS = {
    "retention_pass_gap_s": 3,
    "retention_pass_longest_s": 60,
    "retention_pass_settle_s": 6,
    "retention_pass_every_s": 9,
    "retention_search_timeout_s": 20,
    "retention_heavy_searches": 2,
    "retention_replica_most_behind_s": 5,
}


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_a_pass_ends_three_seconds_after_its_last_read(name, value):
    assert Settings.model_fields[name].default == value
