"""The rules for an insider's day; each check returns the violations."""

from datetime import timedelta

from shared.testing import eventually
from tests.integration.insiders.day import Day, documents
from tests.integration.insiders.department import SERVICES, Department
from tests.integration.insiders.insider import Asked, Insider
from tests.integration.insiders.ledger import Entry, Findings, Ledger

WITHIN_S = 60
REFUSALS = 5
MANY_SEARCHES = 60
SEARCHES = {"/v1/reads/search", "/v1/reads/export", "/v1/reads/lookalikes"}


async def all_of(here: Department, day: Day, ledger: Ledger, findings: Findings) -> list[str]:
    """Return everything that is wrong with a day."""
    insider = day.insider
    await logged(insider, ledger)
    wrong = [
        *within_limits(insider, here),
        *of_patrol(insider, here),
        *on_record(insider, ledger),
        *deeds_on_record(insider, ledger),
        *await found(insider, here, findings),
    ]
    return [f"{insider.role}: {fault}" for fault in wrong]


async def logged(insider: Insider, ledger: Ledger) -> None:
    """Wait until the log has an attempt for the last request that has a permission."""
    size = -1

    async def is_settled() -> bool:
        nonlocal size
        before, size = size, await _read(ledger)
        # A service's last events, of a refusal or its own work, may not have arrived yet.
        return size == before and all(ledger.attempts(a.request_id) for a in insider.asked)

    await eventually(is_settled, within_s=WITHIN_S, every_s=1)


async def _read(ledger: Ledger) -> int:
    await ledger.read()
    return len(ledger.entries)


def within_limits(insider: Insider, here: Department) -> list[str]:
    """Return the doors at which more was carried off in the day than the policy allows."""
    most = here.policy.limits.disclosed_refused
    found = []
    for service in SERVICES:
        taken = insider.carried(service)
        if len(taken) > most:
            told_by: dict[str, int] = {}
            seen: set[str] = set()
            for asked in insider.asked:
                if asked.service == service and not asked.pushed:
                    new = asked.told.all - seen
                    seen |= new
                    key = f"{asked.method} {asked.route}"
                    told_by[key] = told_by.get(key, 0) + len(new)
            found.append(
                f"limit: {service} gave {len(taken)} records, {most} are allowed {told_by}"
            )
    return found


def of_patrol(insider: Insider, here: Department) -> list[str]:
    """Return the answers without a purpose, and the streams, that showed hits too old for patrol (468.4(b))."""
    oldest = here.clock.now() - timedelta(hours=here.policy.limits.hits_without_purpose_h)
    old = {r.plate for r in insider.store.records if r.captured_at < oldest}
    assert old, "every record is fresh: nothing is shown by this"
    return [
        f"old hits without a purpose: {asked}"
        for asked in insider.asked
        if asked.service == "hotlist" and (asked.pushed or asked.purpose is None)
        if asked.told.all & old
    ]


def on_record(insider: Insider, ledger: Ledger) -> list[str]:
    """Return the requests whose record differs from the request or from its answer."""
    wrong = []
    refused_purposes = 0
    for asked in insider.asked:
        attempts = ledger.attempts(asked.request_id)
        if not attempts:
            wrong.append(f"no attempt: {asked}")
            continue
        if attempts[0].person_id != insider.account_id:
            wrong.append(f"recorded of {attempts[0].person_id}: {asked}")
        if asked.succeeded and not attempts[0].allowed:
            wrong.append(f"recorded as refused: {asked}")
        if asked.answer.status == 403 and all(a.allowed for a in attempts):
            if asked.route == "/v1/purposes":
                refused_purposes += 1
            else:
                wrong.append(f"refusal not on record: {asked}")
        wrong += _disclosures(insider, asked, ledger)
    declared = ledger.deeds(insider.account_id, "purpose.declared")
    if sum(entry.said["accepted"] is False for entry in declared) < refused_purposes:
        wrong.append("refused purposes are not on record")
    return wrong


DEEDS = {
    "identity /v1/accounts": "account.changed",
    "identity /v1/accounts/{account_id}/limit-lifts": "limit.lifted",
    "identity /v1/me/keys-only": "account.changed",
    "identity /v1/me/password": "account.changed",
    "identity /v1/me/second-factor/confirmation": "account.changed",
    "identity /v1/me/security-keys": "account.changed",
    "identity /v1/purposes": "purpose.declared",
    "identity /v1/sessions": "session.changed",
    "identity /v1/training": "training.recorded",
    "ingest /v1/devices": "device.changed",
    "hotlist /v1/hits/{hit_id}/acknowledgement": "hit.acknowledged",
    "hotlist /v1/hits/{hit_id}/verification": "hit.verified",
    "hotlist /v1/hits/{hit_id}/disposition": "hit.disposed",
    "hotlist /v1/lists": "hotlist.changed hotlist.activated",
    "retention /v1/holds": "hold.changed",
    "retention /v1/evidence-exports": "evidence.changed",
    "retention /v1/evidence-exports/{export_id}/bookings": "evidence.booked",
    "retention /v1/purge-runs": "purge.changed",
    "retention /v1/reads/{read_id}/correction": "read.corrected",
    "release /v1/agencies": "agency.changed",
    "release /v1/requests": "release.requested",
    "release /v1/requests/{request_id}/decision": "release.approved release.denied release.changed",
    "release /v1/agency/requests": "release.changed",
    "audit /v1/audits": "audit.changed",
    "audit /v1/findings": "finding.changed",
    "audit /v1/policies": "policy.acknowledged",
}
"""The entries of the log for an act (one of these), by the longest beginning of its route."""

NO_DEEDS = {
    "identity /v1/me/challenge": "reads",
    "identity /v1/me/second-factor": "offers a key; its confirmation is the deed",
    "identity /v1/me/sessions/closure": "no deed of a person without another session",
    "release /v1/documents": "on record with the request or decision that names it",
    "retention /v1/accuracy-reports": "one access to the reads, once the job has made the counts",
    "retention /v1/reads/search": "reads",
    "retention /v1/reads/export": "reads",
    "retention /v1/reads/lookalikes": "reads",
    "hotlist /v1/lists/{list_id}/entries/search": "reads",
    "hotlist /v1/lists/{list_id}/layout/preview": "reads",
    "audit /v1/entries/search": "reads",
    "audit /v1/breach-reports": "reads",
    "audit /v1/exports": "reads",
}

SAID_AGAIN = {"hit.disposed", "read.corrected", "training.recorded"}
"""Entries of acts that change nothing where the same person says the same again, as an example does."""


def entries_of(route: str) -> str | None:
    """Return the kinds of entries of an act, named by service and path; None if no line of `DEEDS` names it."""
    known = max((begin for begin in DEEDS if route.startswith(begin)), key=len, default=None)
    return None if known is None else DEEDS[known]


def deeds_on_record(insider: Insider, ledger: Ledger) -> list[str]:
    """Return the kinds of entries of which the log has fewer than the insider did deeds."""
    done: dict[str, list[Asked]] = {}
    wrong = []
    for asked in insider.asked:
        name = f"{asked.service} {asked.route}"
        if not asked.succeeded or asked.method == "GET" or name in NO_DEEDS:
            continue
        known = entries_of(name)
        if known is None:
            wrong.append(f"a deed of which no line says what entry it leaves: {asked}")
        else:
            done.setdefault(known, []).append(asked)
    for kind, deeds in done.items():
        logged = sum(len(ledger.deeds(insider.account_id, one)) for one in kind.split())
        if logged < (len({a.path for a in deeds}) if kind in SAID_AGAIN else len(deeds)):
            routes = sorted({f"{a.method} {a.route}" for a in deeds})
            wrong.append(f"deeds not on record: {len(deeds)} {routes}, {logged} entries of {kind}")
    return wrong


IDS = {"hit_id": "hit", "read_id": "read", "entry_id": "hotlist_entry"}
"""Names that identify the items of a page, and the kind under which the log has them."""


def _not_exactly(asked: Asked, logged: list[Entry]) -> list[str]:
    """Return the differences between the records of a page and those of the log."""
    page = asked.answer.json
    items = page.get("items") if isinstance(page, dict) else None
    if not items:
        return []
    for name, kind in IDS.items():
        if name in items[0]:
            shown = {item[name] for item in items}
            said = {i for e in logged if e.said["record_kind"] == kind for i in e.record_ids}
            if shown != said:
                return [f"the log names others: {asked} showed {len(shown)}, it has {len(said)}"]
            return []
    return []


def _disclosures(insider: Insider, asked: Asked, ledger: Ledger) -> list[str]:
    told = asked.told.all
    if not told:
        return []
    logged = _of(asked, ledger)
    named = {plate for entry in logged for plate in entry.plates}
    frames = {str(r.capture.capture_id): r.plate for r in insider.store.records}
    named |= {frames[i] for entry in logged for i in entry.record_ids if i in frames}
    if missing := told - named:
        kinds = sorted({e.said["record_kind"] for e in logged})
        return [f"told and not on record: {asked} told {len(missing)} of {len(told)}; {kinds}"]
    return _not_exactly(asked, logged)


def _of(asked: Asked, ledger: Ledger) -> list[Entry]:
    """Return the log's records of an answer: for a package also the records shown to the software that made it."""
    logged = ledger.disclosed(asked.request_id)
    for entry in [e for e in logged if e.said["record_kind"] == "package"]:
        for other in ledger.of_the_software:
            if entry.record_ids & {str(value) for value in other.said["elements"].values()}:
                logged += ledger.of_attempt(other.attempt_id or "")
    return logged


async def found(insider: Insider, here: Department, findings: Findings) -> list[str]:
    """Return the excesses that were no finding within a minute."""
    wrong = []
    for kind, about, at in excesses(insider, here):
        key = (kind, insider.account_id, about)

        async def is_raised(key: tuple[str, str, str] = key) -> bool:
            return key in findings.seen

        try:
            await eventually(is_raised, within_s=WITHIN_S, every_s=0.2)
        except AssertionError:
            wrong.append(f"no finding: {kind} {about}")
            continue
        if (took := findings.seen[key] - at) > WITHIN_S:
            wrong.append(f"late finding: {kind} {about} after {took:.0f} s")
    return wrong


def excesses(insider: Insider, here: Department) -> list[tuple[str, str, float]]:
    """Return the excesses of a day that must be findings: kind, subject, and the time when it became one."""
    due: list[tuple[str, str, float]] = []
    limits = here.policy.limits
    shown = 0
    crossed: set[int] = set()
    for asked in insider.asked:
        if not asked.pushed and not asked.is_picture:
            shown += len(asked.told.all)
        for limit in (limits.disclosed_finding, limits.disclosed_refused):
            if shown > limit and limit not in crossed:
                crossed.add(limit)
                due.append(("many_disclosed", str(limit), asked.at))
    if len(insider.refusals) >= REFUSALS:
        due.append(("refused_access", "", insider.refusals[REFUSALS - 1].at))
    searches = [a for a in insider.asked if a.route in SEARCHES and a.answer.status != 403]
    if len(searches) > MANY_SEARCHES:
        due.append(("many_searches", "", searches[MANY_SEARCHES].at))
    return due


def untried(day: Day) -> set[tuple[str, str, str]]:
    """Return operations of the documents that the day did not try."""
    return {(r.service, r.method, r.path) for r in documents(day.insider.department)} - day.tried
