"""Routes of audit, by resource."""

from fastapi import APIRouter

from services.audit.api import audits, breaches, entries, findings, policies, proofs

router = APIRouter()
for part in (entries, proofs, findings, breaches, audits, policies):
    router.include_router(part.router)
