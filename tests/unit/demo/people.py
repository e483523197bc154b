"""A signed-in person whom the services do not know."""

import time

from local.demo.client import Api, Person


def somebody(api: Api) -> Person:
    """Return a person whose token is valid for long."""
    person = Person(
        api, "d.quinn", "Dana Quinn", "Detective", "p1", "a password", "JBSWY3DPEHPK3PXP"
    )
    person._access, person._good_until = "token", time.monotonic() + 600
    return person
