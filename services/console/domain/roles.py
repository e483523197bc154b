"""Roles in words, for the people who assign them."""

from collections.abc import Mapping
from typing import Any

from shared.core.permissions import Permission
from shared.core.policy import Policy

SOURCES = ("department", "state", "federal")
"""The sources of hot lists that a person may be entitled to."""

WORDS: Mapping[Permission, str] = {
    Permission.ACCOUNT_MANAGE: "invites people and sets their roles",
    Permission.ACCOUNT_DELIVER: "hands invitations over",
    Permission.TRAINING_RECORD: "records training",
    Permission.DEVICE_MANAGE: "registers cameras",
    Permission.AGENCY_MANAGE: "registers agencies",
    Permission.ALERT_RECEIVE: "receives alerts",
    Permission.HIT_VERIFY: "verifies hits",
    Permission.RECORD_SEARCH: "searches records",
    Permission.RECORD_EXPORT: "exports records",
    Permission.HOTLIST_MANAGE: "keeps hot lists",
    Permission.HOLD_MANAGE: "places holds",
    Permission.PURGE_PROPOSE: "proposes purges",
    Permission.PURGE_AUTHORISE: "authorises purges",
    Permission.PURGE_EXECUTE: "executes purges",
    Permission.RELEASE_REVIEW: "decides on requests of other agencies",
    Permission.RELEASE_REQUEST: "asks for data",
    Permission.AUDIT_READ: "reads the audit log",
    Permission.AUDIT_WORK: "reviews accesses",
}
"""What a person with a permission does; permissions that only open a page are left out."""


def described(policy: Policy, role: str) -> str:
    """Return what a role does, and which roles it excludes."""
    held = policy.roles[role]
    text = ", ".join(words for permission, words in WORDS.items() if permission in held)
    excluded = policy.exclusive_roles
    if role in excluded.alone:
        return f"{text}; with no other role"
    others = sorted(
        other.replace("_", " ")
        for pair in excluded.apart
        if role in pair
        for other in pair
        if other != role
    )
    return f"{text}; not with {', '.join(others)}" if others else text


def roles_with(policy: Policy, permission: Permission) -> list[str]:
    """Return the roles that have a permission, in order."""
    return sorted(role for role, held in policy.roles.items() if permission in held)


def needs_training(account: Mapping[str, Any]) -> bool:
    """Whether an account has a permission that its person may use only with current training (468.4(d))."""
    return any(Permission(name).needs_training for name in account["permissions"])
