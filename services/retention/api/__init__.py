"""The routes of retention, by resource."""

from services.retention.api import (
    accuracy,
    bookings,
    corrections,
    custody,
    exports,
    holds,
    keys,
    passes,
    purges,
    read_exports,
    records,
    searches,
)
from shared.http.routes import routes_of

router = routes_of(
    searches.router,
    read_exports.router,
    records.router,
    corrections.router,
    passes.router,
    holds.router,
    exports.router,
    bookings.router,
    custody.router,
    purges.router,
    accuracy.router,
    keys.router,
)
