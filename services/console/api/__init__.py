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
    own_account,
    own_requests,
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
    own_account,
    enrolment,
    alerts,
    hits,
    search,
    releases,
    own_requests,
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
