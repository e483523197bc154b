"""What asyncpg sees between the end of a session and that of its connection."""

import struct

import asyncpg

_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
_ENDED = b"E" + struct.pack("!i", 4 + len(_FIELDS)) + _FIELDS
"""An ErrorResponse as Postgres sends it before it closes (PostgreSQL documentation, 53.7)."""


def end_session(connection: asyncpg.Connection) -> None:
    """Let a connection receive the end of its session, but not yet the end of the connection."""
    connection._protocol.data_received(_ENDED)
