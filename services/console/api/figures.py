"""Counted figures: a page and a document for anyone (policy 468.2), and the exact ones for auditors."""

from fastapi import APIRouter, Request, Response

from services.console.actions.audit import READ
from services.console.actions.figures import read_exact_figures
from services.console.api.audit import Auditing
from services.console.api.pages import page
from services.console.api.visit import allowed, visitor
from services.console.domain.figures import ages_of, exact_table, public_tables
from services.console.service import ConsoleService
from shared.http.tagged import KnownTags, tagged
from shared.service.running import service_of

router = APIRouter()

AGES = ("1_day", "1_week", "1_month", "3_months", "6_months", "12_months", "older")
"""Ages of records as audit names them, youngest first."""

MAX_AGE_S = 3600


@router.get("/figures")
async def show_figures(request: Request) -> Response:
    """Show counts of the last whole months, without small ones; public."""
    found = (await service_of(request.app, ConsoleService).figures.read()).content
    months = found["months"]
    return page(
        request,
        "figures.html",
        visitor(request),
        time_zone=found["time_zone"],
        fewest=found["fewest"],
        months=[month["month"] for month in months],
        tables=public_tables(months),
    )


@router.get("/figures.json")
async def download_figures(request: Request, known: KnownTags = "") -> Response:
    """Return the same as JSON; public, and to be kept by caches."""
    found = await service_of(request.app, ConsoleService).figures.read()
    return tagged(found.body, found.tag, known, max_age_s=MAX_AGE_S)


@router.get("/audit/figures", dependencies=[allowed(READ)])
async def show_exact_figures(request: Request, visit: Auditing) -> Response:
    """Show the age of the records that people searched for and opened, and all counts."""
    found = await read_exact_figures(visit)
    months = found["months"]
    whole = [month for month in months if month["is_whole"]][:24]
    return page(
        request,
        "exact_figures.html",
        visit,
        time_zone=found["time_zone"],
        whole=[month["month"] for month in whole],
        ages=[
            ("Records that searches showed", ages_of("records_searched", AGES, whole)),
            ("Pictures that people opened", ages_of("records_opened", AGES, whole)),
        ],
        months=months,
        rows=exact_table(months),
    )
