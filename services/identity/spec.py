"""Identity's declaration: name, description and open routes."""

from services.identity.domain.problem_codes import Code
from shared.service.spec import Dependency, ServiceSpec

DESCRIPTION = """Accounts, training, sign-in and declared purposes.

An administrator creates an account; the person enrols with the invitation, a password and a second
factor; signs in for an access token (`Authorization: Bearer`); and declares a purpose for the token that
searches carry (`X-ALPR-Purpose`)."""

SIGN_IN_ROUTES = frozenset(
    {
        "/v1/set-up",
        "/v1/enrolment",
        "/v1/enrolment/confirmation",
        "/v1/sessions",
        "/v1/sessions/challenge",
        "/v1/sessions/renewal",
    }
)
"""The routes on which a person proves their identity."""

SPEC = ServiceSpec(
    name="identity",
    description=DESCRIPTION,
    tags={
        "sessions": "Sign-in, renewal and sign-out.",
        "enrolment": "Password and second factor of a person who was invited.",
        "me": "The caller's own account.",
        "purposes": "Declared purposes, whose token a search carries.",
        "accounts": "People: invitations, roles, sources, locks, reviews and separation.",
        "training": "Records of training.",
        "keys": "Keys with which access tokens are verified.",
    },
    problem_codes=Code,
    open_routes=SIGN_IN_ROUTES | {"/.well-known/jwks.json"},
    sign_in_routes=SIGN_IN_ROUTES,
    ready_without=frozenset({Dependency.TICK}),  # it sends the ticks
)
