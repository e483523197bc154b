import pytest

from services.recognition.engine.grammar import OFTENER, is_issued_series, issued_oftener


@pytest.mark.parametrize(
    ("plate", "region", "issued"),
    [("7ABC123", "US-CA", True), ("7ABC123", None, True), ("ABC7123X", None, False)],
)
def test_only_a_plate_of_an_issued_series_gets_a_higher_prior(plate, region, issued):
    assert is_issued_series(plate, region) is issued
    assert issued_oftener(plate, region) == (OFTENER if issued else 1)
