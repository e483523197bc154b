"""Retention's declaration of itself."""

from services.retention.domain.problem_codes import Code
from shared.service.spec import ServiceSpec

SPEC = ServiceSpec(
    name="retention",
    tags={
        "search": "Search, look-alikes and exports of reads.",
        "records": "Single reads, captures and passes, their images, and corrections of misread plates.",
        "holds": "Holds, which suspend destruction.",
        "evidence": "Evidence packages for portable media, and their booking.",
        "purges": "Destruction under the schedule: proposal, authorisation, execution, certificate.",
        "accuracy": "Reports on how well plates are read at each camera.",
        "keys": "Keys with which the service's signatures are verified.",
    },
    problem_codes=Code,
    description="The custodian of the records: search, images, holds, destruction under the schedule, "
    "packages for approved releases and for evidence (policy 468.4, 468.5, 468.7).",
    open_routes=frozenset({"/v1/signing-key"}),  # the public keys
)
