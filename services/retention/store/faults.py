"""Recognises errors of Postgres by SQLSTATE (PostgreSQL documentation, appendix A)."""

from sqlalchemy.exc import DBAPIError

LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"


def is_state(fault: DBAPIError, state: str) -> bool:
    """Return whether a database error has this SQLSTATE."""
    return getattr(fault.orig, "sqlstate", None) == state
