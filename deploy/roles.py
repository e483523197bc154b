"""Writes docs/roles.md from the policy; a test holds the committed page to it."""

import sys
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, count, permutations
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

from shared.core.permissions import Permission
from shared.core.policy import Policy, load_policy

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "roles.md"
WIDTH = 120
"""The most characters of a line of prose."""

HEAD = """# Roles

What the policy ([policy.toml](../policy.toml), version {version}) lets people do. Written by `make roles` from it: a
department that changes its policy runs that command, too. Invitations and changes of roles name these words, and an
error lists those that are allowed.
"""


class Act(NamedTuple):
    """An act that takes several people: what each of them does, and the code that refuses one person twice."""

    what: str
    permissions: tuple[Permission, ...]
    code: str


ACTS = (
    Act(
        "train an administrator",
        (Permission.ACCOUNT_MANAGE, Permission.TRAINING_RECORD),
        "own_account",
    ),
    Act(
        "invite a person, and hand the invitation over",
        (Permission.ACCOUNT_MANAGE, Permission.ACCOUNT_DELIVER),
        "inviter_delivers",
    ),
    Act(
        "invite a person who hands invitations over, and hand that one over",
        (Permission.ACCOUNT_MANAGE, Permission.ACCOUNT_DELIVER, Permission.ACCOUNT_DELIVER),
        "own_account",
    ),
    Act(
        "register an agency or invite its people, and decide on their request",
        (Permission.AGENCY_MANAGE, Permission.RELEASE_REVIEW),
        "reviewer_provisioned_agency",
    ),
    Act(
        "place a hold, and release it",
        (Permission.HOLD_MANAGE, Permission.HOLD_MANAGE),
        "hold_released_by_placer",
    ),
    Act(
        "propose, authorise and execute a purge",
        (Permission.PURGE_PROPOSE, Permission.PURGE_AUTHORISE, Permission.PURGE_EXECUTE),
        "purge_needs_third_person",
    ),
    Act(
        "review an audit's accesses, and the reviewer's own among them, and sign it off",
        (Permission.AUDIT_WORK, Permission.AUDIT_WORK, Permission.AUDIT_WORK),
        "audit_signed_by_subject",
    ),
)
"""ADR-0025 and ADR-0036."""

BESIDES = frozenset({"officer", "investigator", "dispatcher", "agency_requester"})
"""Roles that the least number of people leaves out, though an investigator may place the hold of an act."""


def least_people(policy: Policy) -> tuple[str, ...]:
    """Return the roles of the fewest people, of one role each, who can do all acts beside an investigator."""
    offered = sorted(policy.roles.keys() - BESIDES)
    for number in count(1):
        for roles in combinations_with_replacement(offered, number):
            if all(_can(policy, (*roles, "investigator"), act) for act in ACTS):
                return roles
    raise AssertionError


def _can(policy: Policy, people: Sequence[str], act: Act) -> bool:
    held = [policy.roles[role] for role in people]
    return any(
        all(permission in one for permission, one in zip(act.permissions, chosen, strict=True))
        for chosen in permutations(held, len(act.permissions))
    )


def words(name: str) -> str:
    """Return a name of the policy as words."""
    return name.replace("_", " ")


def _wrapped(prose: str) -> str:
    return fill(" ".join(prose.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(*rows: Sequence[str]) -> str:
    head, *others = rows
    line = f"|{'---|' * len(head)}\n"
    head_row, *rest = (f"| {' | '.join(row)} |\n" for row in (head, *others))
    return "".join(("\n", head_row, line, *rest))


def _roles(policy: Policy) -> Iterator[Sequence[str]]:
    yield "role", "may", "excludes"
    for role, held in policy.roles.items():
        may = "; ".join(one.words for one in Permission if one in held - {Permission.ACCOUNT_SELF})
        yield f"`{role}`", may, _excluded(policy, role)


def _excluded(policy: Policy, role: str) -> str:
    if role in policy.exclusive_roles.alone:
        return "every other role"
    others = {one for pair in policy.exclusive_roles.apart if role in pair for one in pair} - {role}
    return ", ".join(f"`{one}`" for one in sorted(others | policy.exclusive_roles.alone))


def _permissions(policy: Policy) -> Iterator[Sequence[str]]:
    yield "permission", "lets a person", "roles", "training", "purpose"
    for one in Permission:
        roles = ", ".join(f"`{role}`" for role, held in policy.roles.items() if one in held)
        purpose = "yes" if one.needs_purpose else "in part" if one.is_opened_by_purpose else ""
        yield f"`{one}`", one.words, roles or "–", "yes" if one.needs_training else "", purpose


def _purposes(policy: Policy) -> Iterator[Sequence[str]]:
    yield "kinds of purpose", "open"
    opened: dict[str, list[str]] = {}
    for kind in sorted(policy.purposes.allowed):
        rows = [row for row in policy.purposes.opens if kind in row.kinds]
        permissions = sorted(f"`{one}`" for row in rows for one in row.permissions)
        opened.setdefault(", ".join(permissions), []).append(f"`{kind}`")
    for what, kinds in opened.items():
        yield ", ".join(kinds), what
    for kind, citation in sorted(policy.purposes.prohibited.items()):
        yield f"`{kind}`", f"nothing: refused, {citation}"


def _acts() -> Iterator[Sequence[str]]:
    yield "act", "people", "refused with"
    for act in ACTS:
        yield act.what, str(len(act.permissions)), f"`{act.code}`"


def text(policy: Policy) -> str:
    """Return the page."""
    least = least_people(policy)
    counted = ", ".join(f"{least.count(role)} `{role}`" for role in dict.fromkeys(least))
    titles, training = policy.titles, policy.training
    of_titles = f"""An account has one of these job titles, else it holds no role (468.3.1(a)). Of the department:
    {", ".join(sorted(titles.authorised))}. Of other agencies: {", ".join(sorted(titles.external))}; such an account
    holds the role `agency_requester` and no other."""
    of_least = f"""With one role each, that is at least **{len(least)} people** besides officers, dispatchers and
    investigators: {counted}. [deploy/README.md](../deploy/README.md#how-many-people-it-takes) says what a third
    administrator makes easier."""
    of_permissions = f"""Training: the person needs the course "{training.course}" on record, not older than
    {training.valid_days} days. Purpose: each use needs a declared purpose; in part: only uses that show plates, cases
    or people, or hits older than {policy.limits.hits_without_purpose_h} hours."""
    return f"""{HEAD.format(version=policy.version)}
## Roles
A person has one role or several. Permissions add up, unless roles exclude each other.
{_table(*_roles(policy))}
## Titles
{_wrapped(of_titles)}

## How many people
Some acts take several people, so that no person can do them alone:
{_table(*_acts())}
{_wrapped(of_least)}

## Permissions
{_wrapped(of_permissions)}
{_table(*_permissions(policy))}
## Purposes
A purpose names a type of offence and a case or call number; it is good for {policy.purposes.token_minutes} minutes.
{_table(*_purposes(policy))}"""


def main() -> int:
    """Write the page."""
    policy = load_policy(ROOT / "policy.toml")
    PAGE.write_text(text(policy))
    print(f"{len(policy.roles)} roles in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
