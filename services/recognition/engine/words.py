"""Words on plates, on cars and beside roads that are not part of a serial."""
# ruff: noqa: SIM905 - as lists these would be 150 lines

import re
from difflib import get_close_matches
from typing import Final

STATES: Final = tuple(
    """ALABAMA ALASKA ARIZONA ARKANSAS CALIFORNIA COLORADO CONNECTICUT DELAWARE FLORIDA GEORGIA
    HAWAII IDAHO ILLINOIS INDIANA IOWA KANSAS KENTUCKY LOUISIANA MAINE MARYLAND MASSACHUSETTS
    MICHIGAN MINNESOTA MISSISSIPPI MISSOURI MONTANA NEBRASKA NEVADA NEWHAMPSHIRE NEWJERSEY
    NEWMEXICO NEWYORK NORTHCAROLINA NORTHDAKOTA OHIO OKLAHOMA OREGON PENNSYLVANIA RHODEISLAND
    SOUTHCAROLINA SOUTHDAKOTA TENNESSEE TEXAS UTAH VERMONT VIRGINIA WASHINGTON WESTVIRGINIA
    WISCONSIN WYOMING DISTRICTOFCOLUMBIA""".split()
)

ON_PLATES: Final = frozenset(
    """EXEMPT CAEXEMPT DEALER MANUFACTURER APPORTIONED COMMERCIAL TRUCK TRAILER PERMANENT DISABLED
    VETERAN HISTORICAL GOVERNMENT POLICE SHERIFF MUNICIPAL STATE DMV DMVCAGOV MYFLORIDACOM
    SUNSHINESTATE EMPIRESTATE THEEMPIRESTATE LONESTARSTATE GRANDCANYONSTATE GARDENSTATE
    LANDOFLINCOLN LIVEFREEORDIE FIRSTINFLIGHT STARSANDSTRIPES EXCELSIOR""".split()
)

BESIDE_ROADS: Final = frozenset(
    """EXIT HWY HIGHWAY ROUTE RTE INTERSTATE SPEED LIMIT MPH KMH USDOT DOT MC MILE MILES ONLY STOP
    YIELD SUITE UNIT APT BUS TAXI CAB TEL CALL FAX LANE LANES HOUR HR HRS AM PM TON TONS LBS FT
    CLEARANCE PARKING NOTICE SALE RENT GATE ZONE CAM CAMERA FPS GPS FRONT REAR NORTH SOUTH EAST WEST
    ENTRANCE LOT DOOR LEVEL DOCK""".split()
)

_ORDINAL = re.compile(r"\d*(1ST|2ND|3RD|\dTH)", re.IGNORECASE)
"""Numbered streets ("1ST ST", "42ND AVE")."""


def _letters(text: str) -> str:
    return "".join(one for one in text.upper() if "A" <= one <= "Z")


def names_a_state(text: str) -> bool:
    """Whether a line of text is a state's name or slogan; tolerates a misread character or two."""
    letters = _letters(text)
    if len(letters) < 4 or any(one.isdigit() for one in text):
        return False
    known = (*STATES, *ON_PLATES)
    return letters in known or (
        len(letters) >= 5 and bool(get_close_matches(letters, known, n=1, cutoff=0.8))
    )


def is_no_serial(token: str) -> bool:
    """Whether one word of a line is a known word and therefore no part of a serial."""
    if _ORDINAL.fullmatch(token):
        return True
    letters = _letters(token)
    return letters == token.upper() and (
        letters in BESIDE_ROADS or letters in ON_PLATES or letters in STATES
    )
