"""What a person may do now, and in words why not; the services decide about access (policy 468.3, 468.4(d))."""

from collections.abc import Collection
from datetime import datetime

from shared.core.permissions import Permission


def not_in_role(permission: str) -> str:
    """Say that a person's role does not include a permission, and who can change that."""
    known = permission in set(Permission)
    what = Permission(permission).words if known else f"do this ({permission})"
    return f"your role does not let you {what}; the ALPR administrator assigns roles"


def rights_in_words(
    permissions: Collection[str], trained_until: datetime | None, now: datetime
) -> list[tuple[str, bool]]:
    """Return what a person may do, each with whether they can do it now, for the page of their account."""
    can = usable(permissions, trained_until, now)
    return [(one.words, one in can) for one in Permission if one in permissions]


def usable(
    permissions: Collection[str], trained_until: datetime | None, now: datetime
) -> frozenset[str]:
    """Return the permissions that a person can use now: without current training, those that need none."""
    if trained_until is not None and trained_until > now:
        return frozenset(permissions)
    return frozenset(name for name in permissions if not _needs_training(name))


def why_untrained(
    permissions: Collection[str], trained_until: datetime | None, now: datetime
) -> str:
    """Say why a person's pages are not offered for want of training; empty if nothing is withheld."""
    if usable(permissions, trained_until, now) == frozenset(permissions):
        return ""
    if trained_until is None:
        why = "no department-approved training of yours is on record (policy 468.4(d))"
    else:
        why = f"your training lapsed on {trained_until:%Y-%m-%d} (policy 468.4(d))"
    return f"{why}; ask the Training Sergeant, who records it"


def why_not(
    permission: str, permissions: Collection[str], trained_until: datetime | None, now: datetime
) -> str:
    """Say why a person cannot use a permission now; empty if they can."""
    if permission not in permissions:
        return not_in_role(permission)
    if permission in usable(permissions, trained_until, now):
        return ""
    return why_untrained(permissions, trained_until, now)


def _needs_training(name: str) -> bool:
    return name in set(Permission) and Permission(name).needs_training
