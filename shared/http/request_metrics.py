"""Rate, errors and duration of requests by the template of their route, never by a path that a caller typed."""

from functools import cache

from prometheus_client import Counter, Histogram
from starlette.types import Scope

ANSWERED = Counter(
    "alpr_requests",
    "Requests by the class of their answer's status: 2xx to 5xx",
    ["service", "method", "route", "status"],
)
DURATION = Histogram(
    "alpr_request_seconds",
    "From a request's arrival to the first byte of its answer",
    ["service", "method", "route"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

OTHER = "other"
"""The route of a request without one, and the method of a request that its route does not have."""


def count_request(service: str, scope: Scope, status: int, seconds: float) -> None:
    """Count an answered request.

    Args:
        scope: the request's, after routing.
        status: the HTTP status of its answer.
        seconds: from its arrival to the first byte of its answer.
    """
    answered, duration = _series(service, *names_of(scope), status // 100)
    answered.inc()
    duration.observe(seconds)


@cache
def _series(service: str, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return the series of a route; finding them each time would cost more than counting."""
    answered = ANSWERED.labels(service, method, route, f"{status}xx")
    return answered, DURATION.labels(service, method, route)


def names_of(scope: Scope) -> tuple[str, str]:
    """Return method and route template. A client chooses paths and methods freely, so others are not labels."""
    route = scope.get("route")
    template, methods = getattr(route, "path", None), getattr(route, "methods", None)
    if not template or not methods:
        return OTHER, OTHER
    return (scope["method"] if scope["method"] in methods else OTHER), str(template)
