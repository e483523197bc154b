"""The fault of unreadable events, entries and lines of exports. HTTP callers never see its text."""

from shared.core.errors import InternalFault


class Unreadable(InternalFault):
    """An event, an entry or a line of an export has an invalid format."""

    title = "It cannot be read"
