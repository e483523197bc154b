"""The audit log for auditors: its state, searches, single entries, and sampled audits (policy 468.6(c))."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from services.console.actions.errors import is_not_found, item_unknown, refusal
from services.console.actions.person_client import PersonClient
from services.console.actions.services import Services, successful
from services.console.domain.checkpoints import Checkpoint
from services.console.domain.form_values import whole
from services.console.domain.queries import ON_A_PAGE, chosen, log_search_of, page_query, required

READ = "audit:read"
SAMPLES = 20


@dataclass(frozen=True)
class Overview:
    """The state of the log, with its open findings and sampled audits."""

    checkpoint: Checkpoint | None
    """The newest signed checkpoint; None before the first."""

    newest: Any
    """The newest entry; None in an empty log."""

    findings: Any
    audits: list[Any]
    older: str | None
    """Where the audits before these begin; None if there are none."""

    periods: list[Any]
    """The periods whose sample awaits its draw."""


@dataclass(frozen=True)
class Others:
    """The other entries of a request, the newest first."""

    entries: list[Any]
    are_all: bool
    """Whether none is left out."""


@dataclass(frozen=True)
class SampledAccess:
    """One item of a sampled audit, with the entry that it names and the other entries of the same request."""

    audit: Any
    item: Any
    entry: Any
    others: Others


async def read_public(services: Services, path: str) -> bytes:
    """Return a public document of the audit service. Raises: Refused."""
    return successful(await services.request("audit", "GET", path)).content


async def read_overview(client: PersonClient, after: str = "") -> Overview:
    """Return the state of the log, with the audits from `after` on. Raises: Refused, SignedOut, PurposeNeeded."""
    checkpoint = await read_checkpoint(client)
    newest = (await _search(client, {"limit": 1}))["items"]
    findings = await _get(client, "/v1/findings", page_query(ON_A_PAGE, status="open"))
    audits = await _get(client, "/v1/audits", page_query(SAMPLES, after))
    periods = await client.list_items("audit", "/v1/audits/periods")
    return Overview(
        checkpoint=checkpoint,
        newest=newest[0] if newest else None,
        findings=findings,
        audits=audits["items"],
        older=audits.get("next"),
        periods=[period for period in periods if period["audit_id"] is None],
    )


async def read_checkpoint(client: PersonClient) -> Checkpoint | None:
    """Return the newest signed checkpoint; None before the first. Raises: Refused if it cannot be read."""
    answer = await client.request("audit", "GET", "/v1/checkpoint")
    if is_not_found(answer):
        return None
    date = successful(answer).headers.get("Last-Modified")
    try:
        return Checkpoint.parse(answer.text, parsedate_to_datetime(date) if date else None)
    except ValueError:
        raise refusal(answer) from None


async def search_entries(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Return one page of the entries that match. Raises: Refused, SignedOut, PurposeNeeded."""
    return await _search(client, log_search_of(form))


async def read_entry(
    client: PersonClient, seq: int, *, old_log: bool = False
) -> tuple[Any, Others]:
    """Return one entry, and the other entries of its request. Raises: Refused, SignedOut, PurposeNeeded.

    Args:
        old_log: whether the entry is of the log before this one, which no search reaches.
    """
    if old_log:
        entry = await _get(client, f"/v1/entries/{seq}", {"old_log": "true"})
        return entry, Others([], are_all=True)
    entry = await _get(client, f"/v1/entries/{seq}")
    return entry, await _same_request(client, entry)


async def draw_sample(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Draw the sample of a period's accesses. Raises: Refused, SignedOut, PurposeNeeded."""
    body = {"period_seq": whole(form.get("period_seq", ""))}
    return await client.request_json("audit", "POST", "/v1/audits", json=body)


async def read_sample(client: PersonClient, audit_id: UUID) -> Any:
    """Return one sampled audit with its items. Raises: Refused, SignedOut, PurposeNeeded."""
    return await _get(client, f"/v1/audits/{audit_id}")


async def read_report(client: PersonClient, period_seq: int, *, names: bool) -> Any:
    """Return the report of a period's audit. Raises: Refused, SignedOut, PurposeNeeded."""
    return await _get(client, report_path(period_seq), {"names": names})


def report_path(period_seq: int) -> str:
    """Return the path of a period's report."""
    return f"/v1/audits/periods/{period_seq}/report"


async def sign_off(client: PersonClient, audit_id: UUID, form: Mapping[str, str]) -> Any:
    """Sign off a fully reviewed audit. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/audits/{audit_id}/sign-off", required(form, "statement")
    return await client.request_json("audit", "POST", path, json=body)


async def read_item(client: PersonClient, audit_id: UUID, number: int) -> SampledAccess:
    """Return one sampled access. Raises: Refused, SignedOut, PurposeNeeded."""
    audit = await read_sample(client, audit_id)
    item = next((item for item in audit["items"] if item["number"] == number), None)
    if item is None:
        raise item_unknown()
    entry, others = await read_entry(client, item["seq"], old_log=audit.get("old_log", False))
    return SampledAccess(audit, item, entry, others)


async def review_item(
    client: PersonClient, audit_id: UUID, number: int, form: Mapping[str, str]
) -> Any:
    """Record the review of one access; return the audit. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/audits/{audit_id}/items/{number}/review"
    body = required(form, "outcome") | chosen(form, "note")
    return await client.request_json("audit", "POST", path, json=body)


async def _same_request(client: PersonClient, entry: Mapping[str, Any]) -> Others:
    """Return the other entries of the same request, such as the disclosures of an access."""
    if entry["request_id"] is None:
        return Others([], are_all=True)
    found = await _search(client, page_query(ON_A_PAGE, request_id=entry["request_id"]))
    others = [other for other in found["items"] if other["seq"] != entry["seq"]]
    return Others(others, are_all=found.get("next") is None)


async def _search(client: PersonClient, query: Mapping[str, Any]) -> Any:
    return await client.request_json("audit", "POST", "/v1/entries/search", json=query)


async def _get(client: PersonClient, path: str, params: Mapping[str, Any] | None = None) -> Any:
    return await client.request_json("audit", "GET", path, params=params)
