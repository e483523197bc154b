"""Routes of audit, by resource."""

from services.audit.api import audits, breaches, entries, figures, findings, policies, proofs
from shared.http.routes import routes_of

router = routes_of(
    entries.router,
    proofs.router,
    findings.router,
    breaches.router,
    audits.router,
    policies.router,
    figures.router,
)
