"""Serial formats that US states issue, as evidence between readings; never used to rewrite one.

L stands for a letter, D for a digit. The list is of main passenger, commercial and truck series;
personalised plates follow none of them, so a plate outside the list is an ordinary plate.
"""

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


def shape(plate: str) -> str:
    """The plate with every letter as L and every digit as D."""
    return "".join("D" if character.isdigit() else "L" for character in plate)


def is_issued_series(plate: str) -> bool:
    """Whether a state issues plates of this shape in a main series."""
    return shape(plate) in SERIES
