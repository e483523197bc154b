"""The pages that a person may open, for the navigation and the start page.

It offers the pages that a person's permissions cover; the services decide about access.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class PageLink:
    """A page in the navigation, and the permission that opening it needs."""

    permission: str
    path: str
    name: str
    title: str
    about: str


PAGES = (
    PageLink(
        "alert:receive",
        "/alerts",
        "Alerts",
        "Live alerts",
        "hits of the hot lists as they happen",
    ),
    PageLink(
        "record:search",
        "/search",
        "Search",
        "Search the records",
        "with a declared purpose",
    ),
    PageLink(
        "hotlist:read",
        "/hotlists",
        "Hot lists",
        "Hot lists",
        "their age, state and entries",
    ),
    PageLink(
        "release:read",
        "/releases",
        "Releases",
        "Release requests",
        "requests of other agencies, with decisions and packages",
    ),
    PageLink(
        "release:request",
        "/requests",
        "Requests",
        "Your agency's requests",
        "requests of your agency for data, and their packages",
    ),
    PageLink(
        "audit:read",
        "/audit",
        "Audit",
        "The audit log",
        "its state, searches of it, findings, and sampled audits",
    ),
    PageLink(
        "account:deliver",
        "/invitations",
        "Invitations",
        "Invitations to hand over",
        "invited people, and the sheets for their enrolment",
    ),
    PageLink(
        "account:manage",
        "/people",
        "People",
        "People and their accounts",
        "invitations, and lifts of the daily limit for a case",
    ),
    PageLink(
        "training:record",
        "/training",
        "Training",
        "Training",
        "people whose training is due, and the form to record it",
    ),
    PageLink(
        "device:read",
        "/cameras",
        "Cameras",
        "Cameras",
        "registered cameras, when each was last seen, and their credentials",
    ),
    PageLink(
        "accuracy:measure",
        "/accuracy",
        "Accuracy",
        "Reports on accuracy",
        "how well plates are read at each camera, as counts",
    ),
    PageLink(
        "agency:manage",
        "/agencies",
        "Agencies",
        "Other agencies",
        "agencies whose people may ask for data",
    ),
    PageLink(
        "hold:read",
        "/holds",
        "Holds",
        "Holds and evidence",
        "records preserved from the purge, with exports and booked copies",
    ),
    PageLink(
        "policy:acknowledge",
        "/policies",
        "Policies in use",
        "Policies in use",
        "the policies that services have loaded, and who has acknowledged them",
    ),
    PageLink(
        "purge:read",
        "/purges",
        "Purges",
        "Purges",
        "the schedule of destruction, proposals, and certificates",
    ),
)


BESIDE = ("/hits", "/reads", "/purpose", "/account")
"""Pages that are below none of the navigation."""


def is_within(path: str) -> bool:
    """Whether a path is that of a page of the navigation or of one below it, or of one beside them."""
    roots = (*(page.path for page in PAGES), *BESIDE)
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def links_for(permissions: Collection[str]) -> list[PageLink]:
    """Return the pages offered to a person with these permissions."""
    return [page for page in PAGES if page.permission in permissions]
