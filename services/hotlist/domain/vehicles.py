"""Compares words for a vehicle's make or colour; only a clear contradiction counts as a difference."""

from shared.core.vehicles import colours_in, make_of, may_be_one_make

# Pairs that lamps, shade and dirt turn into one another.
_CONFUSED = (
    {"white", "grey"},
    {"grey", "black"},
    {"black", "blue"},
    {"grey", "blue"},
    {"white", "brown"},
    {"grey", "brown"},
    {"red", "brown"},
    {"red", "orange"},
    {"orange", "yellow"},
    {"brown", "yellow"},
    {"black", "green"},
    {"blue", "green"},
    {"blue", "purple"},
    {"red", "pink"},
    {"purple", "pink"},
)


def makes_differ(seen: str | None, listed: str | None) -> bool:
    """Return whether both are known and name different makes."""
    one, other = make_of(seen), make_of(listed)
    return bool(one and other) and not may_be_one_make(one, other)


def colours_differ(seen: str | None, listed: str | None) -> bool:
    """Return whether both are known and no camera would confuse them."""
    ones, others = colours_in(seen), colours_in(listed)
    if not ones or not others or ones & others:
        return False
    return not any({one, other} in _CONFUSED for one in ones for other in others)
