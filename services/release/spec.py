"""Release's declaration: name, description and upload routes."""

from services.release.domain.problem_codes import Code
from shared.service.spec import ServiceSpec

DESCRIPTION = """
Release of ALPR data to other agencies (policy 468.7; Civil Code 1798.90.55): an agency's written
request, its review by the Administration Sergeant or designee, the package, and the file of all requests.
"""

SPEC = ServiceSpec(
    name="release",
    description=DESCRIPTION,
    tags={
        "requester": "An agency's requests and the packages that answer them.",
        "documents": "Documents of legal authority.",
        "department": "Review and decision of requests.",
        "agencies": "The register of agencies that may ask.",
    },
    problem_codes=Code,
    uploads=(r"/v1/documents$",),
)
