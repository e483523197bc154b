"""The console's pages, found from its routes, so that a later page is tested by itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.routing import iter_route_contexts

from services.console.api import router
from services.console.domain.navigation import PAGES

FILES = frozenset(
    {
        "/livez",
        "/readyz",
        "/static/{name}",
        "/checkpoint",
        "/keys",
        "/alerts/stream",
        "/hits/{hit_id}/crop",
        "/hits/{hit_id}/image",
        "/reads/{read_id}/crop",
        "/captures/{capture_id}/image",
        "/releases/documents/{document_id}",
        "/holds/exports/{export_id}/package",
        "/holds/exports/{export_id}/bookings/{booking_id}/statement",
        "/hotlists/{list_id}/versions/{version}/set-aside.csv",
    }
)
"""Routes that answer with something else than a page."""

LATER = frozenset({"/audit/samples/{audit_id}", "/audit/samples/{audit_id}/items/{number}"})
"""Pages that a stack shows only once a calendar month has ended; tests/integration/console/test_audit.py opens them."""

OPEN = frozenset({"/policy", "/sign-in", "/enrolment", "/set-up"})
"""Pages without a sign-in."""

EVERYONES = frozenset({"/", "/idle"})
"""Pages of everyone who is signed in."""

PERMISSIONS: Mapping[str, str] = {
    "/purpose": "purpose:declare",
    "/hits/{hit_id}": "hit:read",
    "/people": "account:read",
    "/people/{account_id}": "account:read",
    "/holds/new": "hold:manage",
    "/holds/new/{read_id}": "hold:manage",
    "/holds/{hold_id}/records": "hold:manage",
    "/hotlists/new": "hotlist:manage",
    "/hotlists/{list_id}/new": "hotlist:manage",
    "/hotlists/{list_id}/upload": "hotlist:manage",
    "/hotlists/{list_id}/versions/{version}/set-aside": "hotlist:manage",
}
"""The permission of each page that needs another one than the page of the navigation above it."""

NO_PERMISSION = ""


@dataclass(frozen=True)
class PageOfConsole:
    """One page: its route, and the permission that it needs; "" for everyone's."""

    route: str
    permission: str

    def at(self, ids: Mapping[str, str]) -> str:
        """Return its path with the ids of records that exist."""
        return self.route.format_map(ids)


def pages() -> list[PageOfConsole]:
    """Return all pages of people who are signed in."""
    gets = [
        context.path
        for context in iter_route_contexts(router.routes)
        if "GET" in (getattr(context.route, "methods", None) or ())
    ]
    assert gets, "found no routes: the walk is broken, not the console empty"
    unknown = (FILES | LATER | OPEN | EVERYONES | set(PERMISSIONS)) - set(gets)
    assert not unknown, f"named here, but no routes: {sorted(unknown)}"
    wanted = [path for path in gets if path not in FILES | LATER | OPEN]
    return [PageOfConsole(path, _permission_of(path)) for path in wanted]


def _permission_of(path: str) -> str:
    """Return the permission of a page: its own, or that of the page of the navigation which it is below."""
    if path in EVERYONES:
        return NO_PERMISSION
    if path in PERMISSIONS:
        return PERMISSIONS[path]
    above = [page for page in PAGES if f"{path}/".startswith(f"{page.path}/")]
    assert above, (
        f"{path} is not below a page of the navigation: name its permission in PERMISSIONS"
    )
    return max(above, key=lambda page: len(page.path)).permission
