"""Findings in words: what each kind means, what its details name, and who may work on it (policy 468.3.1(c)).

The audit service makes the decision. This module derives its refusals from its responses, in words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.console.domain.rights import not_in_role

WORK = "audit:work"

MEANINGS: Mapping[str, str] = {
    "audit_not_drawn": "A period has ended, and no auditor drew its sample in time (policy 468.6(c)).",
    "audit_overdue": "No audit was signed off for too long, or one that was drawn long ago is still not signed off"
    " (policy 468.6(c)).",
    "case_number_unknown": "A person declared a purpose with a case or call number that the department's own systems did"
    " not have in time (policy 468.4(a)). A slip of the keys, or an export that leaves numbers out, is a usual cause. Look"
    " at what the person searched for under it, and ask them for the case.",
    "case_numbers_stale": "The department's own case and call numbers are older than the policy says: the numbers of"
    " purposes are not compared meanwhile. Have the export of CAD or the records system put right.",
    "contradicting_event": "A service sent an event again with other content than the log has. The log keeps the first.",
    "contradicting_read": "A camera sent two reads of one moment that contradict each other. Both are kept.",
    "copy_differs": "A booked copy of evidence was checked, and its digest is not that of the package (policy 468.5). The"
    " medium may have decayed, been altered or exchanged, or the digest was mistyped. The entry names the booking, and a"
    " correction is among the steps. Have the copy checked again before a court relies on it.",
    "device_late": "Everything that a camera sent came too late to raise a live alert. Its clock may be wrong.",
    "device_silence": "A camera sends nothing any more. It may be broken, covered or switched off.",
    "enrolled_beside": "A person enrolled in a browser, or from an address, in which a person who had handled the"
    " invitation was signed in within the hour. One address for a whole station is a usual cause: ask the person who"
    " enrolled.",
    "exclusive_roles": "An account holds roles that the policy forbids one person to hold together.",
    "forged_event": "An event in Kafka does not prove which service made it. It had no effect. A wrong key, or an"
    " intruder, is the cause.",
    "hold_owner_left": "The owner of a hold in force has left the department. Have a person with the case take it over on"
    " the hold's page, or another person than the one who placed it release it.",
    "hold_review_due": "A hold in force is past its date of review. Its owner extends it with a reason, or another person"
    " than the one who placed it releases it. It keeps its records until then.",
    "improper_access": "The reviewer of a sampled audit found this access improper.",
    "issuer_misused": "A key, or a change of an account, came in the name of identity from elsewhere. It had no effect.",
    "kafka_disk": "The disk of a broker of Kafka is nearly full. A full disk stops all recording.",
    "late_entries": "Entries reached the log long after what they record. A service, or the log, had stopped.",
    "log_behind": "The log is behind what services recorded.",
    "log_failure": "The log appended nothing for minutes, because it or Kafka had stopped.",
    "log_gap": "A service showed records, and its record of the access is not in the log.",
    "many_corrections": "A person corrected very many reads in one day. Whoever compares pictures for a report on"
    " accuracy does; otherwise look at what they corrected.",
    "many_disclosed": "All services together showed a person very many records in one day.",
    "many_searches": "A person searched very often within an hour.",
    "not_erased": "A purge is certified, and the log could not erase what it names.",
    "not_logged": "An event could not be logged, and is kept as a dead letter.",
    "policies_differ": "Services run with different versions of the policy. Some were not restarted after a change.",
    "policy_not_acknowledged": "The administrator and an auditor did not both acknowledge the policy within a day.",
    "purge_overdue": "Records that no hold keeps are long past the schedule, and no purge of them was proposed,"
    " authorised or begun in time (policy 468.3.1(f)). The day is that of the oldest. Ask the custodian to propose one.",
    "refused_access": "Many accesses were refused within minutes: failed sign-ins, missing rights, or refused purposes.",
    "released_on_host": "A command on the host released an account, or made one, where people could have done so at the"
    " console. Find out who ran it, and why.",
    "repeated_correction": "A person corrected reads of one plate to other plates again and again, or to none. A sign that"
    " a camera misreads is a usual cause. Compare the pictures: a vehicle may be meant to be hidden.",
    "repeated_plate_search": "A person searched for one plate again and again, or for several cases.",
    "unverified_enforcement": "A person recorded an enforcement action after a hit, and no verification had said"
    " before that the plate was read right (policy 468.4(f)). Read the entry and the reason in it, and ask the person what"
    " happened.",
}
"""What each kind of finding says, for the person who works on it."""

UNKNOWN = "This page has no explanation of this kind. The details say what was observed."

OUTCOMES: Mapping[str, str] = {
    "explained": "Explained: what happened was right",
    "misuse": "Misuse: a person did what they may not do",
    "fault_repaired": "Fault repaired: a part had failed, and works again",
    "false_alarm": "False alarm: it did not happen",
}

ENTRIES: Mapping[str, str] = {
    "seq": "Entry",
    "first_seq": "First entry",
    "verified_seq": "Entry of the verification",
}
"""Details that are numbers of entries of the log."""

LABELS: Mapping[str, str] = {
    "account_id": "Account",
    "audit_id": "Sampled audit",
    "delay_s": "Delay in seconds",
    "due_after_days": "Due after days",
    "used_percent": "Used, in percent",
    "limit_percent": "Limit, in percent",
}

Show = Literal["open", "mine", "assigned", "closed", "all"]

SHOW_CHOICES: Mapping[Show, str] = {
    "open": "open: not yet assigned",
    "mine": "assigned to me",
    "assigned": "assigned to anyone",
    "closed": "closed",
    "all": "all",
}


@dataclass(frozen=True)
class Fact:
    """One thing that a finding says; `path` is that of the page about it, "" for none."""

    name: str
    text: str
    path: str = ""
    at: datetime | None = None
    """The time that it is, if it is one."""


def filters_of(show: Show, person_id: str) -> dict[str, Any]:
    """Return the filters of audit's list for a choice of the page."""
    if show == "mine":
        return {"status": "assigned", "assigned_to": person_id}
    return {} if show == "all" else {"status": show}


def facts_of(finding: Mapping[str, Any], permissions: Collection[str]) -> list[Fact]:
    """Return the details of a finding, the entries that it is about first, with paths to what the person may open."""
    details = finding["details"]
    first = [name for name in ENTRIES if name in details]
    subject = str(finding["subject"])
    facts = [_fact(name, details[name], permissions) for name in first]
    if subject.startswith("entry ") and subject.removeprefix("entry ").isdecimal():
        number = subject.removeprefix("entry ")
        if str(details.get("seq")) != number:
            facts.insert(0, Fact(ENTRIES["seq"], number, f"/audit/entries/{number}"))
    return facts + [
        _fact(name, details[name], permissions) for name in sorted(details) if name not in ENTRIES
    ]


def person_in(text: str | None) -> UUID | None:
    """Return the id of the account that a text is; None if it is none, such as that of a service or an address."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


def why_not_work(finding: Mapping[str, Any], person_id: str, permissions: Collection[str]) -> str:
    """Return why a person cannot work on a finding that is not closed; empty if they can."""
    if WORK not in permissions:
        return not_in_role(WORK)
    if person_id == finding["subject"]:
        return "it is about you; another person works on it"
    return ""


def _fact(name: str, value: Any, permissions: Collection[str]) -> Fact:
    if name in ENTRIES:
        is_number = isinstance(value, int) and value >= 0
        return Fact(ENTRIES[name], str(value), f"/audit/entries/{value}" if is_number else "")
    label = LABELS.get(name) or name.replace("_", " ").capitalize()
    if name == "audit_id" and (audit_id := person_in(str(value))):
        return Fact(label, "this audit", f"/audit/samples/{audit_id}")
    if name == "account_id" and (account_id := person_in(str(value))):
        path = f"/people/{account_id}" if "account:read" in permissions else ""
        return Fact(label, str(value), path)
    return Fact(label, _text(value), at=_moment(value))


def _moment(value: Any) -> datetime | None:
    """Return the time that a text is; None if it is none, or only a day."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        known = datetime.fromisoformat(value)
    except ValueError:
        return None
    return known if known.tzinfo is not None else None


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(one)}" for name, one in value.items())
    return str(value)
