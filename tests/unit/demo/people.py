"""Somebody signed in, without a service that knows them."""

import time

from local.demo.client import Api, Person


def somebody(api: Api) -> Person:
    """A person whose token holds for long."""
    person = Person(
        api, "d.quinn", "Dana Quinn", "Detective", "p1", "a password", "JBSWY3DPEHPK3PXP"
    )
    person._access, person._good_until = "token", time.monotonic() + 600
    return person
