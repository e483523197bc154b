"""Identity's routes. Each has one permission, or is an open route of `spec.py`."""

from services.identity.api import (
    accounts,
    enrolment,
    keys,
    limits,
    me,
    purposes,
    sessions,
    set_up,
    training,
)
from shared.http.routes import routes_of

router = routes_of(
    set_up.router,
    enrolment.router,
    sessions.router,
    me.router,
    accounts.router,
    limits.router,
    training.router,
    purposes.router,
    keys.router,
)
