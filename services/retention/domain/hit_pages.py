"""A hit on a page of a package: what the officer was shown, the verification, and what came of it."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.core.markup import Html, tag

Plain = Mapping[str, Any]


def hit_section(hit: Plain, facts: Callable[[Plain], Html]) -> Html:
    """Return the section of a hit from its line of `hits.jsonl`. It says of an unverified hit that it is unverified."""
    raised, verified = hit["raised"], hit["verification"]
    outcome = verified["outcome"] if verified else (hit.get("flags") or {}).get("outcome")
    state = f"Verified: {_words(outcome)}" if outcome else "UNVERIFIED"
    return tag(
        "section",
        tag("h3", "Hit ", tag("span", state, class_="mark")),
        None
        if outcome
        else tag(
            "p", "A match by the machine: no verification with the entering agency is on record."
        ),
        facts(_raised(raised) if raised else hit.get("flags") or {}),
        facts({"hit_id": hit["hit_id"]}),
        _verification(verified, facts) if verified else None,
        *(_disposition(one, facts) for one in hit["dispositions"]),
        None if raised else tag("p", _FLAGS_ALONE),
    )


_FLAGS_ALONE = "From before the custodian stored the events of hits: only these marks exist."


def _raised(raised: Plain) -> Plain:
    entry = raised.get("entry") or {}
    vehicle = (entry.get(name) for name in ("year", "colour", "make", "model"))
    return {
        "list": f"{raised['list_name']} ({raised['source']}), version {raised['list_version']}",
        "age_of_the_list_in_seconds": raised["list_age_s"],
        "list_was_out_of_date": raised.get("list_stale"),
        "record_kind": _words(raised["record_kind"]),
        "tier": raised["tier"],
        "raised_at": raised["occurred_at"],
        "plate_read": raised["plate_read"],
        "plate_listed": raised["plate_listed"],
        "state_read": raised.get("region_read") or "not determined",
        "state_listed": raised.get("region_listed"),
        "differs": [
            f"character {one['position'] + 1} read as {one['read'] or 'no character'},"
            f" listed as {one['listed'] or 'no character'}"
            for one in raised.get("differences") or []
        ]
        or "in no character",
        "vehicle_listed": " ".join(str(one) for one in vehicle if one) or None,
        "reason_listed": entry.get("reason"),
        "caution_by_the_entering_agency": entry.get("caution"),
        "entering_agency": entry.get("entering_ori"),
        "entering_reference": entry.get("entering_reference"),
        "listed_by": _person(lister) if (lister := entry.get("listed_by")) else None,
        "entry_valid_from": entry.get("valid_from"),
        "entry_expires_at": entry.get("expires_at"),
        "late": raised.get("late"),
        "cautions_shown": [one["text"] for one in raised.get("cautions") or []],
    }


def _verification(verified: Plain, facts: Callable[[Plain], Html]) -> Html:
    details = {
        "outcome": _words(verified["outcome"]),
        "method": verified["method"],
        "reference": verified["reference"],
        "by": _person(verified["verified_by"]),
        "recorded_at": verified["occurred_at"],
        "note": verified.get("note"),
    }
    return tag("div", tag("h3", "Verification"), facts(details))


def _disposition(disposed: Plain, facts: Callable[[Plain], Html]) -> Html:
    result = disposed.get("result")
    details = {
        "result": _words(result) if result else None,
        "disposition": disposed["disposition"],
        "enforcement_action": disposed["enforcement"],
        "reason_for_acting_on_an_unverified_hit": disposed.get("unverified_reason"),
        "by": _person(disposed["disposed_by"]),
        "recorded_at": disposed["occurred_at"],
    }
    return tag("div", tag("h3", "Disposition"), facts(details))


def _person(actor: Plain) -> str:
    return f"{actor['name']}, {actor['title']}"


def _words(name: str) -> str:
    return name.replace("_", " ")
