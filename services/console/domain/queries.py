"""Forms as the bodies that services expect: searches, criteria of holds, entries of hot lists."""

from collections.abc import Mapping
from typing import Any

from services.console.domain.form_values import changed, moment_of, number, ticked, whole

ON_A_PAGE = 50
"""The most rows on a page of a listing."""

LOG_FIELDS = (
    "after",
    "person_name",
    "plate",
    "purpose_kind",
    "case_number",
    "kind",
    "outcome",
    "service",
    "permission",
    "request_id",
)
LOG_TIMES = ("occurred_from", "occurred_to")
CAPTURE_TIMES = ("captured_from", "captured_to")
CIRCLE = ("latitude", "longitude", "radius_m")
ENTRY_FIELDS = (
    "plate",
    "record_kind",
    "reason",
    "state",
    "entering_ori",
    "entering_reference",
    "make",
    "model",
    "colour",
    "caution",
)
PLACE = (*CIRCLE[:2], "heading_deg")
RATES = ("frames_per_s", "reads_per_s", "may_buffer_h")
LIST_SOURCES = ("department", "state", "federal")
"""Sources of hot lists."""


def chosen(form: Mapping[str, str], *names: str) -> dict[str, Any]:
    """Return the fields of these names that the person filled in."""
    return {name: form[name] for name in names if name in form}


def required(form: Mapping[str, str], *names: str) -> dict[str, Any]:
    """Return the fields of these names; an empty one is "", so that the service refuses it and names the field."""
    return {name: form.get(name, "") for name in names}


def retry_key(form: Mapping[str, str]) -> dict[str, str]:
    """Return the header with a form's key, so that a form sent twice acts once; no header for what none can have."""
    key = form.get("key", "")
    return {"Idempotency-Key": key} if key.isascii() and key.isprintable() and key else {}


def page_query(limit: int, after: str = "", **filters: Any) -> dict[str, Any]:
    """Return the query of one page of a listing, without the filters that are not set."""
    given = {"after": after, **filters}
    return {"limit": limit} | {
        name: value for name, value in given.items() if value not in ("", None)
    }


def log_search_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return a search of the audit log."""
    times = {name: moment_of(form[name]) for name in LOG_TIMES if name in form}
    return chosen(form, *LOG_FIELDS) | times | {"limit": ON_A_PAGE}


def breach_of(form: Mapping[str, str], limit: int = ON_A_PAGE) -> dict[str, Any]:
    """Return what a breach report asks: an account and a period."""
    times = {name: moment_of(form.get(name, "")) for name in LOG_TIMES}
    return required(form, "person_id") | times | {"limit": limit}


def record_search_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return a search of the records."""
    body = chosen(form, "plate", "colour", "make", "after")
    body |= {name: moment_of(form.get(name, "")) for name in CAPTURE_TIMES}
    body |= {"limit": ON_A_PAGE, "lookalike": form.get("lookalike") == "yes"}
    for name in ("count", "described_only"):
        if form.get(name) == "yes":
            body[name] = True
    if region := form.get("region"):
        body["region"] = region.upper()
    return body | _area(form)


def record_export_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the conditions of a search, and the format of the file of all its reads."""
    asked = record_search_of({**form, "count": ""})
    del asked["limit"]
    return {**asked, "format": form.get("format", "")}


def hold_criteria_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the criteria of a hold."""
    criteria: dict[str, Any] = {"read_ids": [form["read_id"]]} if "read_id" in form else {}
    criteria |= chosen(form, "plate")
    if form.get("lookalike") == "yes":
        criteria["lookalike"] = True
    criteria |= {name: moment_of(form[name]) for name in CAPTURE_TIMES if name in form}
    return criteria | _area(form)


def hotlist_entry_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry of a hot list."""
    entry = required(form, "plate", "record_kind", "reason") | chosen(form, *ENTRY_FIELDS)
    if "expires_at" in form:
        entry["expires_at"] = moment_of(form["expires_at"])
    if "year" in form:
        entry["year"] = whole(form["year"])
    return entry


def list_changes_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the switches of a hot list that differ from those that the page showed."""
    off = sorted(ticked(form, "off_"))
    changes: dict[str, Any] = {}
    if ("enabled" in form) != ("seen_enabled" in form):
        changes["enabled"] = "enabled" in form
    if off != sorted(form.get("seen_off", "").split()):
        changes["record_kinds_off"] = off
    for hours in changed(form, "staleness_hours").values():
        changes["staleness_hours"] = whole(hours) if hours else None
    return changes


def camera_changes_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return what differs of a camera from what the page showed; a place is sent whole."""
    changes: dict[str, Any] = changed(form, "name")
    if changed(form, *PLACE):
        changes["place"] = {name: number(text) for name, text in chosen(form, *PLACE).items()}
    return changes | {name: number(text) for name, text in changed(form, *RATES).items()}


def data_request_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return a request of another agency for data, with the legal authority that it names, if any."""
    body: dict[str, Any] = required(form, "purpose", "purpose_kind", "case_number", "offence_type")
    body |= chosen(form, "requester_name", "requester_title")
    criteria: dict[str, Any] = {name: moment_of(form.get(name, "")) for name in CAPTURE_TIMES}
    body["criteria"] = criteria | chosen(form, "plate")
    body["criteria"]["include_images"] = form.get("include_images") == "yes"
    if authority := chosen(form, "reference", "document_id"):
        body["legal_authority"] = required(authority, "reference", "document_id")
    return body


def searched_entry_of(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a search looked for, as the values with which an entry's form begins."""
    return chosen(form, "plate", "state", "make", "colour")


def searched_plate_of(form: Mapping[str, str]) -> dict[str, str]:
    """Return the plate of an entry or a hit, as the values with which a search's form begins."""
    return chosen(form, "plate", "region", "lookalike")


def decision_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return a decision on a release request, with the list sources and the captures that the reviewer named."""
    body = required(form, "decision", "reason")
    if named := [source for source in LIST_SOURCES if f"list_{source}" in form]:
        body["list_sources"] = named
    if "originals" in form:
        body["originals"] = form["originals"].replace(",", " ").split()
    return body


def _area(form: Mapping[str, str]) -> dict[str, Any]:
    circle = {name: number(form[name]) for name in CIRCLE if name in form}
    return {"area": circle} if circle else {}


def correction_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a correction: the plate and the state in the picture, or that it shows no legible plate."""
    body = required(form, "reason") | chosen(form, "region")
    return body | {"plate": None if form.get("illegible") == "yes" else form.get("plate", "")}
