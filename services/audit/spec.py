"""Audit's declaration of itself as a service."""

from services.audit.domain.problem_codes import Code
from shared.service.spec import Dependency, ServiceSpec

DESCRIPTION = """
The append-only log of every access to ALPR data and every administrative act (Civil Code 1798.90.52;
policy 468.6): entries, signed checkpoints, proofs, findings, breach reports and periodic audits.
"""

SPEC = ServiceSpec(
    name="audit",
    description=DESCRIPTION,
    tags={
        "entries": "Search and entries of the log.",
        "audits": "Periodic audits: a drawn sample of accesses, its review and its sign-off.",
        "findings": "Findings of the log about itself and about accesses, and the work on them.",
        "breach": "Reports of breaches.",
        "figures": "Counted figures by month, for anyone and for auditors.",
        "policies": "Policies that were in force, and their acknowledgement.",
        "proofs": "Signed checkpoints, proofs, keys and exports, with which the log is verified.",
    },
    problem_codes=Code,
    # Anyone can verify the log with the first two; the figures are counts alone (policy 468.2).
    open_routes=frozenset({"/v1/checkpoint", "/v1/keys", "/v1/figures"}),
    ready_without=frozenset({Dependency.OBJECTS}),  # it uses them in the background only
)
