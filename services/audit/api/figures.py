"""Counted figures: those that anyone may see (policy 468.2), and the exact ones for auditors."""

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Response

from services.audit.actions.figures import exact_figures
from services.audit.api.guard import AuditRead
from services.audit.api.views.figures import ExactFiguresOut, FiguresOut
from services.audit.domain.figures import PublicMonth
from services.audit.service import Running
from shared.core.policy import Policy
from shared.http.app import Work
from shared.http.tagged import KnownTags, tagged

router = APIRouter(prefix="/v1/figures", tags=["figures"])

MAX_AGE_S = 3600


@router.get("", response_model=FiguresOut)
async def get_figures(audit: Running, known: KnownTags = "") -> Response:
    """Counted figures of the last whole months, for anyone: no small count, and nothing of a person or a sighting."""
    found = await audit.figures.document(partial(_encoded, audit.runtime.policy))
    return tagged(found.body, found.tag, known, max_age_s=MAX_AGE_S)


@router.get("/exact")
async def get_exact_figures(grant: AuditRead, work: Work, audit: Running) -> ExactFiguresOut:
    """All that was counted: small counts, and the age of the records that people searched for and opened."""
    return ExactFiguresOut.of(await exact_figures(work), audit.runtime.policy)


def _encoded(policy: Policy, months: Sequence[PublicMonth]) -> bytes:
    return FiguresOut.of(months, policy).model_dump_json().encode()
