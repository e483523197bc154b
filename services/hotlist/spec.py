"""Hotlist's declaration of itself as a service."""

from services.hotlist.domain.problem_codes import Code
from shared.service.spec import ServiceSpec

DESCRIPTION = """Hot lists, and the hits that reads raise against them.

A hit is a machine match. It is `unverified` until a person has checked it through CLETS with the agency
that entered the listing (policy 468.4(f)); a hit does not say that a stop is lawful.
`GET /v1/alerts` sends hits as they are raised, as Server-Sent Events."""

SPEC = ServiceSpec(
    name="hotlist",
    description=DESCRIPTION,
    tags={
        "alerts": "Hits as they are raised, as a stream.",
        "hits": "Hits, their pictures, verification and disposition.",
        "lists": "Hot lists.",
        "versions": "Versions of a hot list: upload, activation, rollback, withdrawal.",
        "entries": "Entries of a hot list.",
        "layouts": "How the source of a hot list writes its extracts.",
        "feeds": "Credentials by which machines deliver extracts, and their deliveries.",
    },
    problem_codes=Code,
    uploads=(r"/v1/lists/[^/]+/versions$", r"/v1/deliveries$"),
)
