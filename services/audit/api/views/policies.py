"""Policies that were in force, in answers."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from services.audit.api.views.entries import EXAMPLE_DIGEST
from services.audit.domain.policies import Role
from services.audit.store.policies import LoadedPolicy
from shared.http.models import PersonOut


class AcknowledgementOut(BaseModel):
    """A person's statement that they have read the policy and answer for it."""

    role: Role
    by: PersonOut
    at: datetime


class PolicyOut(BaseModel):
    """A policy that a service has loaded. `services` are those that use it now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "digest": EXAMPLE_DIGEST,
                    "version": "2026-11",
                    "first_loaded_at": "2026-11-26T08:00:00Z",
                    "services": ["audit", "identity"],
                    "acknowledgements": [],
                }
            ]
        },
    )

    digest: str
    version: str
    first_loaded_at: datetime
    services: list[str]
    acknowledgements: list[AcknowledgementOut]

    @classmethod
    def of(cls, policy: LoadedPolicy) -> "PolicyOut":
        """Return the view of a policy."""
        return cls.model_validate(policy, from_attributes=True)
