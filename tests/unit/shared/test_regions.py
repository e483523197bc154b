"""Issuers of plates: full forms, and the region for two letters."""

import pytest

from shared.core.regions import COUNTRIES, KNOWN, is_region, parse_region


def test_full_forms_are_subdivisions_or_countries_that_issue_their_plates_themselves():
    assert all(
        map(is_region, ("US-CA", "US-DC", "US-PR", "CA-ON", "MX-BCN", "AU-NSW", "DE", "FR-75"))
    )
    short = ("US", "CA", "MX", "AU", "NV")
    strange = ("US-ZZ", "us-ca", "US-CA\n", "XX", "XX-A", "US-", "", "MX-B", "AU-XX")
    assert not any(map(is_region, short + strange))
    assert not COUNTRIES & {region.partition("-")[0] for region in KNOWN}


@pytest.mark.parametrize(
    ("text", "home", "region", "taken_from"),
    [
        ("CA", "US-CA", "US-CA", "CA"),
        (" nv ", "US-CA", "US-NV", "NV"),
        ("US-CA", "US-CA", "US-CA", None),
        ("DE", "US-CA", "US-DE", "DE"),
        ("FR", "US-CA", "FR", None),
        ("ON", "CA-BC", "CA-ON", "ON"),
        ("DE", "CA-BC", "DE", None),
        ("NSW", "AU-QLD", "AU-NSW", "NSW"),
    ],
)
def test_letters_are_read_as_a_subdivision_of_the_departments_country_if_it_exists(
    text, home, region, taken_from
):
    assert parse_region(text, home) == (region, taken_from)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ZZ",
        "ON",
        "California",
        "US",
        "U\N{LATIN SMALL LETTER SHARP S}",
        "\N{LATIN SMALL LETTER DOTLESS I}d",  # in upper case, it would be Idaho
    ],
)
def test_an_invalid_region_is_refused_with_the_allowed_ones(text):
    with pytest.raises(ValueError, match=r"US-CA.*DE.*state of US"):
        parse_region(text, "US-CA")
