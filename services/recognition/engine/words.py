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

MODELS: Final = frozenset(
    """4MATIC 4MOTION 4RUNNER 4X4 4WD RAV4 SR5 Z71 SRT8 CX3 CX30 CX5 CX50 CX7 CX9 CX90 MX5
    F150 F250 F350 F450 F550 E150 E250 E350 K1500 C1500
    C180 C200 C220 C230 C240 C250 C280 C300 C350 C400 C450 E300 E320 E400 E450 E550
    S350 S430 S450 S500 S550 S560 S580 ML320 ML350 ML500
    SL500 SL550
    318I 320I 323I 325I 328I 330I 335I 340I 428I 430I 435I 440I 525I 528I 530I 535I 540I 545I 550I
    740I 745I 750I 328D 535D
    ES300 ES330 ES350 GS300 GS350 IS250 IS300 IS350 LS400 LS430 LS460 RX300 RX330 RX350 RX400H
    RX450H GX460 GX470 LX470 LX570 NX200T NX300 UX200 UX250H FX35 QX56 QX60 QX80 G35 G37 Q50
    S40 S60 S80 V60 V70 XC40 XC60 XC70 XC90 P85D P100D 100D 90D 85D 75D""".split()
)
"""Badges of models with a letter and a digit, as the makers write them on their cars."""

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
