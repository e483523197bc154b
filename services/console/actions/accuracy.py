"""Reports on accuracy: how well plates are read at each camera, as counts (docs/accuracy-reports.md)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import moment_of
from services.console.domain.queries import CAPTURE_TIMES, ON_A_PAGE, page_query, retry_key

MEASURE = "accuracy:measure"
REPORTS = "/v1/accuracy-reports"


async def list_reports(client: PersonClient, after: str) -> Any:
    """Return one page of the reports, newest first. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(ON_A_PAGE, after)
    return await client.request_json("retention", "GET", REPORTS, params=query, purpose_for=MEASURE)


async def read_report(client: PersonClient, report_id: UUID) -> Any:
    """Return one report with its counts, once measured. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"{REPORTS}/{report_id}"
    return await client.request_json("retention", "GET", path, purpose_for=MEASURE)


async def order(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Request a report on a window; a repeat with the form's key is harmless.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    body = {name: moment_of(form.get(name, "")) for name in CAPTURE_TIMES}
    headers = retry_key(form)
    return await client.request_json("retention", "POST", REPORTS, json=body, headers=headers)
