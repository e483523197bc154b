"""Region packs: what their files may say, and that the United States' pack is the tables that it came from."""

import re
from itertools import groupby, product
from pathlib import Path

import pytest

from shared.core.matching import LOOKALIKE_CLASSES
from shared.core.policy import PolicyFault, load_policy
from shared.core.region_packs import (
    PlateShape,
    RegionPackFault,
    available,
    joined,
    pack_of,
    parse,
    regions_of,
)

POLICY = Path(__file__).parents[3] / "policy.toml"
US, EUROPE = regions_of(("us",)), regions_of(("europe",))

SERIES_BEFORE_PACKS = {
    "DDDDDDL",
    "DDDDDL",
    "DDDDDLD",
    "DDDDLL",
    "DDDDLLL",
    "DDDLDDD",
    "DDDLLL",
    "DDDLLLL",
    "DDLDDDD",
    "DDLDDDL",
    "DDLDLDL",
    "DDLLLD",
    "DLDDDDD",
    "DLLDDD",
    "DLLDDDD",
    "DLLLDD",
    "DLLLDDD",
    "LDDDDD",
    "LDDDDDD",
    "LDDDLL",
    "LDDLLL",
    "LDLDDD",
    "LLDDDD",
    "LLDDDDD",
    "LLDDLL",
    "LLDLDDD",
    "LLDLDL",
    "LLLDDD",
    "LLLDDDD",
    "LLLDDL",
    "LLLDLD",
    "LLLLDDD",
}
SERIES = SERIES_BEFORE_PACKS | {"LLLLDD", "LLLDLDL"}
"""With those of Florida and of Arizona that were added later."""
BY_STATE_BEFORE_PACKS = {
    "AL": "DLDDDDD DDLDDDD DDLDDDL DLDDDDL DLLDDDD DDLLDDD DDDDLLD",
    "AK": "LLLDDD",
    "AZ": "LLLDDDD DDDLLL LLLDDD LLLDLDL",
    "AR": "DDDLLL LLLDDL LLLDDD",
    "CA": "DLLLDDD DDDDDLD DLDDDDD DLLDDDD DDDLLL LLLDDD",
    "CO": "LLLDDD DDDLLL LLLLDD LLLDLD",
    "CT": "LLDDDDD DDDLLL LLDDDD DLLLDD",
    "DE": "DDDDDD DDDDD LDDDDD LLDDDDD",
    "DC": "LLDDDD DDDDDD",
    "FL": "LLLDDD LLLDDL LDDDLL LLLLDD DDDLLL LDDLLL LLDDLL DDLLLL DDDDLL",
    "GA": "LLLDDDD DDDLLL LLLDDD DDDDLLL",
    "HI": "LLLDDD DDDLLL",
    "ID": "LDDDDDD DLDDDDD DLDDDDL DLLDDDD LDDDDDL DLDDDLL LLDDDDD",
    "IL": "LLDDDDD LDDDDDD DDDDDDD DDDDDDL DDDDDLL LDDDDDL",
    "IN": "DDDLLL DDDLL DDDLDDDD DDLDDDD DDLLDDDD DLLDDDD",
    "IA": "LLLDDD DDDLLL",
    "KS": "DDDLLL LLLDDD DDDDLLL LLLDDDD",
    "KY": "DDDLLL LLLDDD LDLDDD",
    "LA": "DDDLLL LLLDDD LDDDDDD",
    "ME": "DDDDLL DDDDLLL DDDLLL DDDDDL",
    "MD": "DLLDDDD LLLDDD DLLLDD LDLDDDD",
    "MA": "DDDDLL DLLDDD DDLLDD DDDLLD DDDLLDD DLLLDD DDDDDD LLDDDL",
    "MI": "LLLDDDD DLLLDD DLLDDD LLDDDDD",
    "MN": "DDDLLL LLLDDD DLLDDD",
    "MS": "LLLDDDD LLLDDD DDDLLL LLDDDDD",
    "MO": "LLDLDL DLLDDDD LLLDDD DDDLLL LLDLDD DLLDDD LDLDDD",
    "MT": "DDDDDDL DDDDDL DLDDDD DDLDDDD LLLDDD DDDLLL",
    "NE": "LLLDDD DDLDDDD DLDDDD DLDDD DDLDDD",
    "NV": "DDDLLL DDDLDDD DDLDDDD LLLDDD",
    "NH": "DDDDDDD DDDDDD",
    "NJ": "LDDLLL LLLDDL DDDLLL LLLDDD LLDDDL LLDDDLL",
    "NM": "LLLDDD DDDLLL LLLLDD",
    "NY": "LLLDDDD DDDDDLL DDDDDLLL LLDDDDD DDDLLL",
    "NC": "LLLDDDD LLLDDD LLDDDD",
    "ND": "DDDLLL LLLDDD",
    "OH": "LLLDDDD LLDDLL LLLDDD",
    "OK": "LLLDDD DDDLLL LLLDDL",
    "OR": "DDDLLL LLLDDD LLLDD DDDDLL LDDDDDD",
    "PA": "LLLDDDD LLDDDDD LLLDDD DDDDLLL",
    "RI": "LLDDD DDDDDD DLLDDD LLDDDD",
    "SC": "LLLDDD DDDLLL LLLLDD DDDDLL",
    "SD": "DLLDDD DLDDDD DDLDDD DDLLDD DLLLDD",
    "TN": "LDDDDL DDDLLL LDDDLL LLLDDDD LDDDLLL LLDDDL DDDDLLD",
    "TX": "LLLDDDD LLDLDDD LLLDDD LDDLLL LLDDDD DDDLLL DDLDDD DLLDDD DDLLLD",
    "UT": "LDDDLL DDDLLL DLDLL LDDLLL DLDLLD",
    "VT": "LLLDDD DDDLDDD",
    "VA": "LLLDDDD LLLDDD DDDDLL",
    "WA": "LLLDDDD DDDLLL LDDDDDL LDDDDDLL",
    "WV": "DLLDDD DDLDDD DDDDDD LLLDDD",
    "WI": "LLLDDDD DDDLLL LLDDDD LLLDDD",
    "WY": "DDDDDD DDDDDDD DDDDD DDDDDL DDLDDDD",
}
"""Recognition's tables before packs existed."""

PACK = """
title = "Somewhere"
shortest = 3
longest = 8
issued_oftener = 8.0
lookalikes = ["0O", "1I"]

[[plates]]
width_mm = 520
height_mm = 110
serial_top = 0.1
serial_bottom = 0.9

[issuers]
DE = ["L{2,3}D{1,4}"]
FR = ["LLDDDLL"]

[letters]
FR = "ABC"
"""


def example(shape):
    return shape.replace("L", "B").replace("D", "7")


def test_the_us_pack_is_the_tables_that_recognition_had_and_two_series_more():
    pack = pack_of("us")
    assert (pack.shortest, pack.longest, pack.issued_oftener) == (2, 8, 8.0)
    assert pack.plates == (PlateShape(305, 152, 0.25, 0.80, small_pairs=True),)
    assert set(pack.any_issuer) == SERIES
    assert {issuer: set(formats) for issuer, formats in pack.issuers.items()} == {
        f"US-{state}": set(shapes.split()) for state, shapes in BY_STATE_BEFORE_PACKS.items()
    }
    assert not pack.letters


def test_the_us_packs_look_alikes_are_those_of_the_custodians_tables():
    assert US.lookalikes == LOOKALIKE_CLASSES


def prior_of(shape, issued):
    runs = len(list(groupby(shape)))
    return 8.0 if issued else 1.0 if runs < 3 else 0.25


def test_every_shape_of_a_serial_has_the_prior_of_its_series():
    states = {f"US-{state}": set(one.split()) for state, one in BY_STATE_BEFORE_PACKS.items()}
    for length in range(1, 10):
        for letters in product("LD", repeat=length):
            shape = "".join(letters)
            for region in (None, "US-CA", "US-TX", "US-NH", "CA-ON", "DE"):
                issued = shape in states.get(region, SERIES)
                assert US.is_issued(example(shape), region) is issued, (shape, region)
                assert US.issued_oftener(example(shape), region) == prior_of(shape, issued)


def test_every_pack_is_valid():
    assert available() == ("europe", "us")
    for name in available():
        assert pack_of(name).title


@pytest.mark.parametrize(
    ("plate", "region", "issued"),
    [
        ("1A2B3C4", None, False),
        ("B123AB", None, True),  # Austria
        ("AB123CD", None, True),  # France, Italy
        ("AB123CO", "FR", False),  # France issues no O
        ("AB123CO", "SK", True),
        ("1234BCD", "ES", True),
        ("1234ABC", "ES", False),  # Spain issues no vowels
        ("MAB1234", "DE", True),
        ("MAB123E", "DE", True),  # electric
        ("MAB123X", "DE", False),
        ("QAB1234", "DE", False),  # no district begins with Q
        ("KR1234O", "PL", False),  # no O after the district
        ("KR1234A", "PL", True),
        ("C123ABC", "RO", False),  # Bucharest alone has one letter
        ("AB12CDE", "GB", True),
        ("WA12345", "PL", True),
        ("K1234B", "NL", False),
        ("KL123B", "NL", True),
        ("MAB1234", "US-CA", True),  # of no chosen pack: any issuer's series
    ],
)
def test_series_of_europe(plate, region, issued):
    assert EUROPE.is_issued(plate, region) is issued


def test_several_packs_together_have_the_issuers_lengths_and_shapes_of_each():
    both = regions_of(("us", "europe"))
    assert both.names == ("us", "europe")
    assert both.engine_name("own") == "own-us-europe"
    assert (US.engine_name("own"), EUROPE.engine_name("own")) == ("own", "own-europe")
    assert both.issuers == US.issuers | EUROPE.issuers
    assert both.lengths == range(2, 10)
    assert both.plates == (*US.plates, *EUROPE.plates)
    assert both.is_issued("7ABC123", "US-CA")
    assert not both.is_issued("7ABC123", "US-TX")
    assert both.is_issued("AB1234", None)
    assert US.is_issued("AB1234")
    assert EUROPE.is_issued("AB1234")
    assert both.issued_oftener("AB1234") == pack_of("europe").issued_oftener, "the higher one"
    assert both.issued_oftener("AB123CD") == pack_of("europe").issued_oftener
    assert both.issued_oftener("7ABC123", "US-CA") == pack_of("us").issued_oftener
    mixed = "A1B2C3D4"
    assert not both.is_issued(mixed)
    assert (US.issued_oftener(mixed), EUROPE.issued_oftener(mixed)) == (0.25, 1.0)
    assert both.issued_oftener(mixed) == 1.0, "no pack may make another's plates rare"


@pytest.mark.parametrize(
    ("classes", "together"),
    [
        (["0O", "1I"], ("0O", "1I")),
        (["0O", "OQ", "1I"], ("0OQ", "1I")),
        (["0O", "1I", "OQ", "0O"], ("0OQ", "1I")),
        (["0O", "QD", "1I", "OD"], ("0OQD", "1I")),
    ],
)
def test_classes_that_share_a_character_are_one(classes, together):
    assert joined(classes) == together


def test_a_pack_is_read_from_its_text():
    pack = parse(PACK, "here.toml")
    one_length = parse(PACK.replace("shortest = 3", "shortest = 8").replace("L{2,3}D{1,4}", "LLLLDDDD")
                       .replace("LLDDDLL", "LLDDDDLL"), "here.toml")  # fmt: skip
    assert (one_length.shortest, one_length.longest) == (8, 8)
    assert pack.issuers == {"DE": ("L{2,3}D{1,4}",), "FR": ("LLDDDLL",)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title = ", "titel = ", r"titel"),
        ("longest = 8", "longest = 13", r"here\.toml: Expected `int` <= 12 - at `\$\.longest`"),
        ("shortest = 3", "shortest = 9", "shortest is above longest"),
        ("serial_top = 0.1", "serial_top = 0.9", "serial_top is not above serial_bottom"),
        ('"0O"', '"0"', "lookalikes: '0' is no class: allowed are two or more"),
        ('"0O"', '"0o"', "lookalikes: '0o' is no class"),
        ('"0O"', '"OO"', "lookalikes: 'OO' is no class"),
        ('"0O"', '"0I"', "lookalikes: I is in two classes: allowed is one"),
        ("DE = [", "GERMANY = [", "'GERMANY' is no issuer: allowed are ISO 3166-2 such as US-CA"),
        (
            "L{2,3}D",
            "A{2,3}D",
            r"issuers\.DE: 'A\{2,3\}D\{1,4\}' is no serial format: allowed are L",
        ),
        ("L{2,3}D", "L{2,6}D", r"has 3 to 10 characters: allowed are 3 to 8"),
        ("L{2,3}D", "L{1}D", r"has 2 to 5 characters: allowed are 3 to 8"),
        ("L{2,3}D", "L{3,2}D", r"issuers\.DE: 'L\{3,2\}D\{1,4\}' repeats L 3 to 2 times"),
        ("lookalikes =", 'any_issuer = ["LLLLLLLLL"]\nlookalikes =', "any_issuer: .* has 9 to 9"),
        ('["LLDDDLL"]', "[]", r"issuers\.FR has no serial format"),
        ('FR = "ABC"', 'IT = "ABC"', r"letters\.IT is of no issuer of this pack"),
        ('FR = "ABC"', 'FR = "AB1"', r"letters\.FR: allowed are letters A-Z"),
        ("[issuers]", "[issuers", "here.toml"),
    ],
)
def test_a_fault_of_a_pack_names_file_key_and_what_is_allowed(old, new, message):
    assert old in PACK
    with pytest.raises(RegionPackFault, match=message) as refused:
        parse(PACK.replace(old, new, 1), "here.toml")
    assert "here.toml" in str(refused.value)


def policy_with(tmp_path, packs):
    text = re.sub(r"(?m)^packs = .*$", f"packs = {packs}", POLICY.read_text())
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return path


def test_the_policy_chooses_packs_by_name(tmp_path):
    assert load_policy(POLICY).regions.packs == ("us",)
    chosen = load_policy(policy_with(tmp_path, '["us", "europe"]'))
    assert chosen.regions.packs == ("us", "europe")


def test_a_policy_without_the_section_has_the_us_pack(tmp_path):
    text = re.sub(r"(?ms)^\[regions\]$.*?(?=^\[|^# |\Z)", "", POLICY.read_text())
    assert "[regions]" not in text
    path = tmp_path / "policy.toml"
    path.write_text(text)
    assert load_policy(path).regions.packs == ("us",)


@pytest.mark.clause("468.4(c)/region-packs")
@pytest.mark.parametrize(
    ("packs", "message"),
    [
        ("[]", "regions.packs names no pack: allowed are one or more of europe, us"),
        (
            '["mars"]',
            "regions.packs names 'mars', which is no pack: allowed are one or more of europe",
        ),
        ('["us", "us"]', "regions.packs names us twice"),
        ('["../core/packs/us"]', "which is no pack"),
        ('"us"', "Expected `array`"),
    ],
)
def test_a_policy_that_chooses_no_pack_that_exists_is_refused(tmp_path, packs, message):
    with pytest.raises(PolicyFault, match=re.escape(message)):
        load_policy(policy_with(tmp_path, packs))
