"""Routes of hotlist, by resource."""

from services.hotlist.api import alerts, entries, hits, lists, pictures, versions
from shared.http.routes import routes_of

router = routes_of(
    lists.router,
    versions.router,
    entries.router,
    hits.router,
    pictures.router,
    alerts.router,
)
