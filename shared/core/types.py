"""Types that every service uses, each with one normal form."""

import re
from typing import Annotated, Literal, NewType

import msgspec

from shared.core.errors import ValueRefused
from shared.core.problem_codes import Common

Ori = NewType("Ori", str)
"""Originating agency identifier, nine characters as NCIC assigns it, e.g. CA0520100."""

PlateText = NewType("PlateText", str)
"""A plate in its normal form: A-Z and 0-9 only, 1 to 12 characters."""

Confidence = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""The lowest per-character probability, 0 to 1."""

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]

Source = Literal["department", "state", "federal"]
AgencyKind = Literal["law_enforcement", "prosecutor", "other_public", "federal", "private"]
"""Owner of a list's data: an entitlement per person (policy 468.4(e))."""

Tier = Literal["high", "medium", "low", "information"]
"""Displayed urgency of a hit; from the record kind, lowered by age, unknown state or difference."""

Direction = Literal["approaching", "receding"]
"""The way a vehicle goes, as the camera sees it."""

ORI_PATTERN = "^[A-Za-z]{2}[A-Za-z0-9]{7}$"
_ORI = re.compile(ORI_PATTERN.strip("^$"))


def parse_ori(text: str) -> Ori:
    """Return an ORI in upper case. Raises: ValueError for anything else."""
    if not _ORI.fullmatch(text):
        raise ValueRefused(Common.ORI_MALFORMED)
    return Ori(text.upper())
