"""Issuers of plates by ISO 3166-2. Full tables for the United States, Canada and Mexico; others by form."""

import re

_US = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM"
    " NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR UM VI"
)
_CA = "AB BC MB NB NL NS NT NU ON PE QC SK YT"
_MX = (
    "AGU BCN BCS CAM CHH CHP CMX COA COL DUR GRO GUA HID JAL MEX MIC MOR NAY NLE OAX PUE QUE ROO"
    " SIN SLP SON TAB TAM TLA VER YUC ZAC"
)
KNOWN = frozenset(
    f"{country}-{part}"
    for country, parts in (("US", _US), ("CA", _CA), ("MX", _MX))
    for part in parts.split()
)
_FORM = re.compile(r"(?!US|CA|MX)[A-Z]{2}-[A-Z0-9]{1,3}")


def is_region(text: str) -> bool:
    """Tell whether `text` is an ISO 3166-2 subdivision, e.g. US-CA."""
    return text in KNOWN or _FORM.fullmatch(text) is not None
