"""The console's pages."""

from fastapi import APIRouter

from services.console.routes import (
    alerts,
    enrolment,
    hits,
    plain,
    policy,
    releases,
    search,
    sign_in,
)

router = APIRouter()
for part in (plain, policy, sign_in, enrolment, alerts, hits, search, releases):
    router.include_router(part.router)
