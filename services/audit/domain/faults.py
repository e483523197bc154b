"""What is wrong with what the log is made of, for the consumer and for those who verify; no HTTP caller is told."""

from shared.core.errors import InternalFault


class Unreadable(InternalFault):
    """An event, an entry or a line of an export that cannot be read as what it should be."""

    title = "It cannot be read"
