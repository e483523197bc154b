"""Every route that shows plates, or anything that is no JSON, needs a declared purpose or says here why not."""

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter

from deploy.openapi import app_of
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.core.policy import load_policy
from shared.http.app import OPEN
from shared.http.openapi import permissions
from tests.architecture.source import HUMAN_SERVICES, ROOT

SHOWN = ("plate", "criteria", "scope", "details")
"""Parts of names of properties that hold a plate."""

BY_AGE = "a fresh hit is patrol; the store refuses an older one without a purpose"
OWN = "an agency's own request, which is its purpose; or one's own purposes"
NONE = "no record of a sighting"

WITHOUT = {
    "audit GET /v1/checkpoint": NONE,
    "hotlist GET /v1/alerts": "live alerts are patrol",
    "hotlist POST /v1/hits/{hit_id}/acknowledgement": "a live alert is patrol; the store refuses any other hit",
    "hotlist GET /v1/hits": BY_AGE,
    "hotlist GET /v1/hits/{hit_id}": BY_AGE,
    "hotlist GET /v1/hits/{hit_id}/crop": BY_AGE,
    "hotlist GET /v1/hits/{hit_id}/image": BY_AGE,
    "hotlist POST /v1/hits/{hit_id}/disposition": BY_AGE,
    "hotlist POST /v1/hits/{hit_id}/verification": BY_AGE,
    "identity DELETE /v1/sessions/current": NONE,
    "identity GET /v1/purposes": OWN,
    "identity POST /v1/me/keys-only": NONE,
    "identity POST /v1/me/password": NONE,
    "identity POST /v1/me/second-factor/confirmation": NONE,
    "identity POST /v1/me/security-keys/{key_id}/removal": NONE,
    "identity POST /v1/me/sessions/closure": NONE,
    "release GET /v1/agency/requests": OWN,
    "release GET /v1/agency/requests/{request_id}": OWN,
    "release GET /v1/requests/{request_id}/package": OWN,
    "release POST /v1/agency/requests/{request_id}/withdrawal": OWN,
    "release POST /v1/requests": OWN,
}
"""Routes that need no purpose, and why."""


def needs_purpose(dependant):
    if getattr(dependant.call, "needs_purpose", False):
        return True
    return any(needs_purpose(child) for child in dependant.dependencies)


def properties(schema):
    """Names of all properties in a JSON schema, of what it refers to as well."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


def shows(route):
    if route.response_model is None:
        return True
    schema = TypeAdapter(route.response_model).json_schema(mode="serialization")
    return any(part in name for name in properties(schema) for part in SHOWN)


def routes(tmp_path):
    for service in HUMAN_SERVICES:
        for context in iter_route_contexts(app_of(service, tmp_path / service).routes):
            route = context.route
            if isinstance(route, APIRoute) and context.path not in OPEN:
                for method in sorted(route.methods):
                    yield f"{service} {method} {context.path}", route


@pytest.mark.clause("468.4(a)/plates-by-purpose")
def test_every_route_that_shows_plates_needs_a_purpose_or_says_why_not(tmp_path):
    unused, needing = set(WITHOUT), 0
    for name, route in routes(tmp_path):
        if not shows(route):
            continue
        if needs_purpose(route.dependant):
            needing += 1
            assert name not in WITHOUT, f"{name} needs a purpose now"
            continue
        assert name in WITHOUT, f"{name} shows plates without a purpose"
        unused.discard(name)
    assert needing >= 25, "found hardly any: the walk is broken"
    assert not unused, f"no longer there: {unused}"


@pytest.mark.clause("468.4(a)/purpose-opens")
def test_the_policy_names_purposes_for_each_permission_that_needs_one(tmp_path):
    policy = load_policy(ROOT / "policy.toml")
    named = {permission for row in policy.purposes.opens for permission in row.permissions}
    needing = set()
    for name, route in routes(tmp_path):
        [permission] = permissions(route.dependant) or [None]
        if needs_purpose(route.dependant) or WITHOUT.get(name) == BY_AGE:
            assert permission in named, f"{name} needs a purpose, and anything opens {permission}"
            needing.add(permission)
    assert needing == {one for one in Permission if one.is_opened_by_purpose} == named


@pytest.mark.clause("468.4(a)/purpose-opens")
def test_a_route_cannot_require_a_purpose_for_a_permission_without_purposes():
    with pytest.raises(ValueError, match="account:read"):
        access(Permission.ACCOUNT_READ, purpose_needed=True)


def test_a_plate_is_found_at_any_depth_of_a_schema():
    deep = {"items": {"$ref": "#/$defs/Row"}, "$defs": {"Row": {"properties": {"plate_read": {}}}}}
    assert list(properties(deep)) == ["plate_read"]
    assert list(properties({"properties": {"count": {}}})) == ["count"]
