"""People as audit's routes show them, and whose people may work here."""

from pydantic import BaseModel, ConfigDict

from shared.access import Grant
from shared.errors import NotAuthorised
from shared.runtime import Runtime


class PersonOut(BaseModel):
    """A person, as the log names people."""

    model_config = ConfigDict(from_attributes=True)

    person_id: str
    name: str
    title: str
    agency_ori: str


def check_department(runtime: Runtime, grant: Grant) -> None:
    """Raise NotAuthorised for people of any agency but this department."""
    if grant.principal.agency_ori != runtime.policy.department.ori:
        raise NotAuthorised("this is for people of this department", code="agency")
