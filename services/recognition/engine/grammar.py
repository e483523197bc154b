"""Serial formats that US states issue, as evidence between readings; never used to rewrite a reading.

L stands for a letter, D for a digit. The lists are of main passenger, commercial and truck series;
personalised plates follow none of them, so a plate outside the lists is an ordinary plate.
"""

from collections.abc import Mapping
from typing import Final

SERIES: Final = frozenset(
    {
        "DLLLDDD",  # California passenger
        "DLDDDDD",  # California commercial, older
        "DDDDDLD",  # California commercial
        "LLLDDDD",  # Texas, New York, Ohio, Pennsylvania, Georgia, Virginia, Arizona and others
        "LLLDDD",
        "DDDLLL",
        "LLDDDD",
        "DDDDLL",
        "LLDLDL",  # Texas truck
        "LLDLDDD",
        "LLDDDDD",  # Illinois, Connecticut older
        "LDDDDDD",  # Illinois and others
        "DDDDDDL",
        "LDDDDD",
        "DDDDDL",
        "LDDLLL",  # New Jersey
        "LLLDDL",  # New Jersey, Florida
        "LLLDLD",
        "DDDLLLL",
        "DLLDDD",
        "DLLDDDD",
        "DLLLDD",
        "LLDDLL",  # Connecticut
        "DDLLLD",
        "DDDLDDD",
        "LDDDLL",
        "LDLDDD",
        "DDLDDDD",
        "DDLDDDL",  # Alabama
        "DDDDLLL",
        "LLLLDDD",
        "DDLDLDL",
    }
)


BY_STATE: Final[Mapping[str, frozenset[str]]] = {
    f"US-{state}": frozenset(shapes.split())
    for state, shapes in {
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
    }.items()
}
"""Series seen on the roads since about 1995, by state."""


def shape(plate: str) -> str:
    """The plate with every letter as L and every digit as D."""
    return "".join("D" if character.isdigit() else "L" for character in plate)


def is_issued_series(plate: str, region: str | None = None) -> bool:
    """Whether a plate has the shape of a main series.

    Args:
        plate: A-Z and 0-9.
        region: whose series, such as `US-CA`; any state's if it is None or has no list here.
    """
    return shape(plate) in BY_STATE.get(region or "", SERIES)


OFTENER: Final = 8.0
"""How many times more often a plate of an issued series occurs on the road than among the rendered plates
that the reader was trained on: there, a third are personalised or random (odds of 2 to 1); on the road
about one in twenty (odds of 19 to 1)."""


def issued_oftener(plate: str, region: str | None = None) -> float:
    """Return the prior of a plate among the readings of one picture; see `is_issued_series`.

    It weighs readings that the picture itself makes probable; it adds and rewrites none.
    """
    return OFTENER if is_issued_series(plate, region) else 1.0
