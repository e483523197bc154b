"""Routes of release, by resource."""

from services.release.api import agencies, documents, filing, packages, reviews
from shared.http.routes import routes_of

router = routes_of(
    agencies.router,
    documents.router,
    filing.router,
    reviews.router,
    packages.router,
)
