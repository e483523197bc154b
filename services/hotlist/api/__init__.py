"""Routes of hotlist, by resource."""

from services.hotlist.api import alerts, entries, feeds, hits, layouts, lists, pictures, versions
from shared.http.routes import routes_of

router = routes_of(
    lists.router,
    versions.router,
    entries.router,
    layouts.router,
    feeds.router,
    hits.router,
    pictures.router,
    alerts.router,
)
