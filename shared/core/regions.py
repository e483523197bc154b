"""Issuers of plates: `US-CA`, or the code of a country that issues its plates itself, such as `DE`.

Has full tables of subdivisions for the United States, Canada, Mexico and Australia, whose states or provinces
issue plates; checks those of other countries by form only. Source: ISO 3166-1 and 3166-2.
"""

import re
from typing import NamedTuple

from shared.core.errors import ValueRefused
from shared.core.problem_codes import Common

_SUBDIVISIONS = {
    "US": (
        "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM"
        " NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR UM VI"
    ),
    "CA": "AB BC MB NB NL NS NT NU ON PE QC SK YT",
    "MX": (
        "AGU BCN BCS CAM CHH CHP CMX COA COL DUR GRO GUA HID JAL MEX MIC MOR NAY NLE OAX PUE QUE ROO"
        " SIN SLP SON TAB TAM TLA VER YUC ZAC"
    ),
    "AU": "ACT NSW NT QLD SA TAS VIC WA",
}
KNOWN = frozenset(
    f"{country}-{part}"
    for country, subdivisions in _SUBDIVISIONS.items()
    for part in subdivisions.split()
)
COUNTRIES = frozenset(
    [
        "AD",
        "AE",
        "AF",
        "AG",
        "AI",
        "AL",
        "AM",
        "AO",
        "AQ",
        "AR",
        "AT",
        "AW",
        "AX",
        "AZ",
        "BA",
        "BB",
        "BD",
        "BE",
        "BF",
        "BG",
        "BH",
        "BI",
        "BJ",
        "BL",
        "BM",
        "BN",
        "BO",
        "BQ",
        "BR",
        "BS",
        "BT",
        "BV",
        "BW",
        "BY",
        "BZ",
        "CC",
        "CD",
        "CF",
        "CG",
        "CH",
        "CI",
        "CK",
        "CL",
        "CM",
        "CN",
        "CO",
        "CR",
        "CU",
        "CV",
        "CW",
        "CX",
        "CY",
        "CZ",
        "DE",
        "DJ",
        "DK",
        "DM",
        "DO",
        "DZ",
        "EC",
        "EE",
        "EG",
        "EH",
        "ER",
        "ES",
        "ET",
        "FI",
        "FJ",
        "FK",
        "FM",
        "FO",
        "FR",
        "GA",
        "GB",
        "GD",
        "GE",
        "GF",
        "GG",
        "GH",
        "GI",
        "GL",
        "GM",
        "GN",
        "GP",
        "GQ",
        "GR",
        "GS",
        "GT",
        "GW",
        "GY",
        "HK",
        "HM",
        "HN",
        "HR",
        "HT",
        "HU",
        "ID",
        "IE",
        "IL",
        "IM",
        "IN",
        "IO",
        "IQ",
        "IR",
        "IS",
        "IT",
        "JE",
        "JM",
        "JO",
        "JP",
        "KE",
        "KG",
        "KH",
        "KI",
        "KM",
        "KN",
        "KP",
        "KR",
        "KW",
        "KY",
        "KZ",
        "LA",
        "LB",
        "LC",
        "LI",
        "LK",
        "LR",
        "LS",
        "LT",
        "LU",
        "LV",
        "LY",
        "MA",
        "MC",
        "MD",
        "ME",
        "MF",
        "MG",
        "MH",
        "MK",
        "ML",
        "MM",
        "MN",
        "MO",
        "MQ",
        "MR",
        "MS",
        "MT",
        "MU",
        "MV",
        "MW",
        "MY",
        "MZ",
        "NA",
        "NC",
        "NE",
        "NF",
        "NG",
        "NI",
        "NL",
        "NO",
        "NP",
        "NR",
        "NU",
        "NZ",
        "OM",
        "PA",
        "PE",
        "PF",
        "PG",
        "PH",
        "PK",
        "PL",
        "PM",
        "PN",
        "PS",
        "PT",
        "PW",
        "PY",
        "QA",
        "RE",
        "RO",
        "RS",
        "RU",
        "RW",
        "SA",
        "SB",
        "SC",
        "SD",
        "SE",
        "SG",
        "SH",
        "SI",
        "SJ",
        "SK",
        "SL",
        "SM",
        "SN",
        "SO",
        "SR",
        "SS",
        "ST",
        "SV",
        "SX",
        "SY",
        "SZ",
        "TC",
        "TD",
        "TF",
        "TG",
        "TH",
        "TJ",
        "TK",
        "TL",
        "TM",
        "TN",
        "TO",
        "TR",
        "TT",
        "TV",
        "TW",
        "TZ",
        "UA",
        "UG",
        "UY",
        "UZ",
        "VA",
        "VC",
        "VE",
        "VN",
        "VU",
        "WF",
        "WS",
        "YE",
        "YT",
        "ZA",
        "ZM",
        "ZW",
    ]
)
"""Countries that issue their plates themselves: all but those with a table of issuing subdivisions."""

_FORM = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,3}")
ALLOWED = "ISO 3166-2 such as US-CA, or a country that issues its plates itself such as DE"


class Region(NamedTuple):
    """A region from a person's or a list's text."""

    region: str
    short_form: str | None
    """The short form of the text; None if it was the full form."""


def is_region(text: str) -> bool:
    """Whether `text` is a region in its full form, as in devices and events."""
    if text in KNOWN or text in COUNTRIES:
        return True
    form = _FORM.fullmatch(text)
    return form is not None and form[1] in COUNTRIES


def parse_region(text: str, department_state: str) -> Region:
    """Parse a person's or a list's text as a region.

    Two letters mean a subdivision in the country of `department_state` (such as US-CA) if it has one of that name, even
    if they also are a country's code: for a department in California, DE is Delaware.

    Raises: ValueRefused that names the allowed values.
    """
    home = department_state.partition("-")[0]
    plain = text.strip().upper() if text.isascii() else ""
    if f"{home}-{plain}" in KNOWN:
        return Region(f"{home}-{plain}", plain)
    if is_region(plain):
        return Region(plain, None)
    raise ValueRefused(Common.REGION_UNKNOWN, allowed=ALLOWED, country=home)
