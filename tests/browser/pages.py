"""The console's pages, found from its routes, so that a later page is tested by itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.routing import iter_route_contexts

from services.console.api import router
from services.console.domain.navigation import PAGES

FILES = frozenset(
    {
        "/livez",
        "/readyz",
        "/favicon.ico",
        "/static/{name}",
        "/checkpoint",
        "/figures.json",
        "/keys",
        "/alerts/stream",
        "/hits/{hit_id}/crop",
        "/hits/{hit_id}/image",
        "/reads/{read_id}/crop",
        "/captures/{capture_id}/image",
        "/releases/documents/{document_id}",
        "/holds/exports/{export_id}/package",
        "/purges/{run_id}/certificate",
        "/audit/periods/{period_seq}/report/file",
        "/requests/{request_id}/package",
        "/holds/exports/{export_id}/bookings/{booking_id}/statement",
        "/hotlists/{list_id}/versions/{version}/set-aside.csv",
    }
)
"""Routes that answer with something else than a page."""

OPEN = frozenset({"/policy", "/figures", "/sign-in", "/enrolment", "/set-up"})
"""Pages without a sign-in."""

EVERYONES = frozenset(
    {
        "/",
        "/idle",
        "/account",
        "/account/password",
        "/account/second-factor",
        "/account/security-keys",
        "/account/security-keys/new",
        "/account/security-keys/removal",
        "/account/keys-only",
    }
)
"""Pages of everyone who is signed in."""

PERMISSIONS: Mapping[str, str] = {
    "/purpose": "purpose:declare",
    "/hits/{hit_id}": "hit:read",
    "/hits/{hit_id}/picture": "hit:read",
    "/reads/{read_id}/picture": "image:read",
    "/agencies": "release:read",
    "/people": "account:read",
    "/people/reviews": "account:read",
    "/people/{account_id}": "account:read",
    "/people/{account_id}/details": "account:manage",
    "/people/{account_id}/roles": "account:manage",
    "/people/{account_id}/lock": "account:manage",
    "/people/{account_id}/separation": "account:manage",
    "/cameras/new": "device:manage",
    "/cameras/{device_id}/settings": "device:manage",
    "/cameras/{device_id}/revocation": "device:manage",
    "/holds/new": "hold:manage",
    "/holds/new/{read_id}": "hold:manage",
    "/reads/{read_id}/correction": "record:correct",
    "/holds/{hold_id}/records": "hold:manage",
    "/hotlists/new": "hotlist:manage",
    "/hotlists/{list_id}/new": "hotlist:manage",
    "/hotlists/{list_id}/upload": "hotlist:manage",
    "/hotlists/{list_id}/settings": "hotlist:manage",
    "/hotlists/{list_id}/layout": "hotlist:manage",
    "/hotlists/{list_id}/versions/{version}/set-aside": "hotlist:manage",
    "/hotlists/{list_id}/versions/{version}/activation": "hotlist:manage",
}
"""The permission of each page that needs another one than the page of the navigation above it."""

NO_PERMISSION = ""

SENDS: Mapping[str, str] = {
    "/purpose": "purpose:declare",
    "/search": "record:search",
    "/hits/{hit_id}/acknowledgement": "alert:receive",
    "/search/back": "record:search",
    "/search/forward": "hotlist:manage",
    "/reads/{read_id}/correction": "record:correct",
    "/hits/{hit_id}/verification": "hit:verify",
    "/hits/{hit_id}/disposition": "hit:dispose",
    "/releases/{request_id}/decision": "release:review",
    "/audit/entries": "audit:read",
    "/audit/breach-report": "audit:read",
    "/audit/findings/{finding_id}/assignment": "audit:work",
    "/audit/findings/{finding_id}/comments": "audit:work",
    "/audit/findings/{finding_id}/closure": "audit:work",
    "/audit/samples": "audit:work",
    "/audit/samples/{audit_id}/sign-off": "audit:work",
    "/audit/samples/{audit_id}/items/{number}": "audit:work",
    "/hotlists/{list_id}": "hotlist:read",
    "/purges": "purge:propose",
    "/purges/{run_id}/authorisation": "purge:authorise",
    "/purges/{run_id}/refusal": "purge:authorise",
    "/purges/{run_id}/withdrawal": "purge:authorise",
    "/purges/{run_id}/execution": "purge:execute",
}
"""The permission that sending a form needs, where it is not that of all other forms below its page (SENDS_BELOW)."""

SENDS_BELOW: Mapping[str, str] = {
    "/holds": "hold:manage",
    "/hotlists": "hotlist:manage",
    "/invitations": "account:deliver",
    "/people": "account:manage",
    "/training": "training:record",
    "/cameras": "device:manage",
    "/agencies": "agency:manage",
    "/requests": "release:request",
    "/policies": "policy:acknowledge",
    "/accuracy": "accuracy:measure",
}


@dataclass(frozen=True)
class PageOfConsole:
    """One page: its route, and the permission that it needs; "" for everyone's."""

    route: str
    permission: str

    def at(self, ids: Mapping[str, str]) -> str:
        """Return its path with the ids of records that exist."""
        return self.route.format_map(ids)


def routes(method: str) -> list[str]:
    """Return the templates of all routes of a method, in the order in which they are tried."""
    return [
        context.path
        for context in iter_route_contexts(router.routes)
        if method in (getattr(context.route, "methods", None) or ())
    ]


def needed_to_open(path: str) -> str:
    """Return the permission that a link needs, "" if everyone may follow it. `path` has the ids of records."""
    route = _route_of("GET", path)
    return NO_PERMISSION if route in FILES | OPEN else _permission_of(route)


def needed_to_send(path: str) -> str:
    """Return the permission that a form needs, "" if everyone may send it. `path` has the ids of records."""
    route = _route_of("POST", path)
    if route in ("/sign-out", "/active") or route.startswith("/account/"):
        return NO_PERMISSION
    if route in SENDS:
        return SENDS[route]
    [permission] = [
        needed for root, needed in SENDS_BELOW.items() if f"{route}/".startswith(f"{root}/")
    ]
    return permission


def _route_of(method: str, path: str) -> str:
    """Return the route that answers a path."""
    for route in routes(method):
        if re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(route)), path):
            return route
    raise AssertionError(f"no route answers {method} {path}")


def pages() -> list[PageOfConsole]:
    """Return all pages of people who are signed in."""
    gets = routes("GET")
    assert gets, "found no routes: the walk is broken, not the console empty"
    unknown = (FILES | OPEN | EVERYONES | set(PERMISSIONS)) - set(gets)
    assert not unknown, f"named here, but no routes: {sorted(unknown)}"
    wanted = [path for path in gets if path not in FILES | OPEN]
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
