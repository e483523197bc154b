"""The console's pages."""

from fastapi import APIRouter

from services.console.api import (
    accounts,
    agencies,
    alerts,
    audit,
    breaches,
    cameras,
    enrolment,
    exports,
    findings,
    hits,
    holds,
    hotlists,
    invitations,
    people,
    plain,
    policy,
    purges,
    releases,
    samples,
    search,
    sign_in,
    training,
)

router = APIRouter()
for part in (
    plain,
    policy,
    sign_in,
    enrolment,
    alerts,
    hits,
    search,
    releases,
    audit,
    breaches,
    findings,
    samples,
    holds,
    exports,
    purges,
    hotlists,
    invitations,
    people,
    accounts,
    training,
    cameras,
    agencies,
):
    router.include_router(part.router)
