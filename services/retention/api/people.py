"""People as answers name them."""

from pydantic import BaseModel

from shared.events import Actor


class PersonOut(BaseModel):
    """Who did something."""

    person_id: str
    name: str
    title: str
    agency_ori: str

    @classmethod
    def of(cls, actor: Actor | None) -> "PersonOut | None":
        """Return an actor as an answer names them; None where there is none."""
        if actor is None:
            return None
        return cls(
            person_id=actor.person_id,
            name=actor.name,
            title=actor.title,
            agency_ori=actor.agency_ori,
        )
