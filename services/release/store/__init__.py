"""Release's tables and the only queries on them. Each query that discloses a request takes a grant and records it."""

from services.release.store.agencies import Agencies
from services.release.store.documents import Document, Documents
from services.release.store.records import (
    Authority,
    Decision,
    Failure,
    Filed,
    Package,
    Receipt,
    Request,
    Withdrawal,
)
from services.release.store.requests import Requests

__all__ = [
    "Agencies",
    "Authority",
    "Decision",
    "Document",
    "Documents",
    "Failure",
    "Filed",
    "Package",
    "Receipt",
    "Request",
    "Requests",
    "Withdrawal",
]
