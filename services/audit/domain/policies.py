"""The roles that acknowledge a policy."""

from collections.abc import Set
from typing import Literal, get_args

from services.audit.domain.problem_codes import Code
from shared.core.errors import NotAuthorised

Role = Literal["alpr_administrator", "auditor"]

ACKNOWLEDGING_ROLES: tuple[Role, ...] = get_args(Role)
"""The roles that acknowledge a policy, each by a different person."""


def check_role(role: Role, of_role: Set[str], held: Set[str]) -> None:
    """Raise NotAuthorised for a person who does not hold every permission of the role."""
    if not of_role <= held:
        raise NotAuthorised(Code.POLICY_ROLE_MISSING, role=role)
