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
    problem_codes=Code,
    # Anyone can verify the log with these.
    open_routes=frozenset({"/v1/checkpoint", "/v1/keys"}),
    ready_without=frozenset({Dependency.OBJECTS}),  # it uses them in the background only
)
