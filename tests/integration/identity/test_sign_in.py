"""Enrolment, sign-in with a second factor, locking, and what is never written down."""

from shared.events import AccountChanged, SessionChanged
from tests.integration.identity.conftest import PASSWORD


async def test_a_person_enrols_signs_in_and_sees_themselves(hire, published):
    officer = await hire("o.seven", "officer", sources=("department", "state"))
    me = (await officer.get("/v1/me")).json()
    assert me["status"] == "active" and me["roles"] == ["officer"]
    assert me["sources"] == ["department", "state"]
    assert "record:search" in me["permissions"] and me["refresher_due"]
    changes = [e.change for e in await published(AccountChanged) if e.key == officer.account_id]
    assert changes == ["created", "enrolled"]
    opened = [e for e in await published(SessionChanged) if e.change == "opened"]
    assert opened[-1].actor.person_id == officer.account_id
