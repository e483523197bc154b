"""Identity's routes. Each has one permission, or is an open route of `spec.py`."""

from fastapi import APIRouter

from services.identity.api import (
    accounts,
    enrolment,
    keys,
    limits,
    me,
    purposes,
    sessions,
    set_up,
    training,
)

router = APIRouter()
for part in (set_up, enrolment, sessions, me, accounts, limits, training, purposes, keys):
    router.include_router(part.router)
