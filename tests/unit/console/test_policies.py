"""Policies in use at the console, and who acknowledges them."""

import json
from typing import get_args

import httpx
import pytest

from services.audit.domain.policies import Role
from services.console.domain.policies import words_of
from services.console.domain.roles import roles_with
from shared.core.permissions import Permission
from shared.core.policy import load_policy
from tests.unit.console.conftest import ROOT
from tests.unit.console.services import PERSON, READ, page_of, problem

POLICY = load_policy(ROOT / "policy.toml")
ADMINISTRATOR, AUDITOR = POLICY.roles["alpr_administrator"], POLICY.roles["auditor"]
AT = "2026-06-01T10:00:00+00:00"
OLD = "b" * 64
HOSTILE = "<script>alert(1)</script>"


def a_word(role, **changes):
    return {"role": role, "by": PERSON | changes, "at": AT}


def a_policy(*words, **changes):
    return {
        "digest": POLICY.digest, "version": "2026-11", "first_loaded_at": AT,
        "services": ["audit", "identity"], "acknowledgements": list(words), **changes,
    }  # fmt: skip


@pytest.fixture
def show(services):
    """Have audit list these policies."""

    def show(*policies):
        services.answers["GET /policies"] = page_of(*policies)

    return show


def why(found, permissions):
    return {one.role: one.why_not for one in words_of(found, POLICY, READ, permissions)}


def test_the_roles_that_acknowledge_are_those_of_audit():
    assert set(roles_with(POLICY, Permission.POLICY_ACKNOWLEDGE)) == set(get_args(Role))


def test_each_role_gives_its_own_word_and_one_person_gives_one():
    found = why(a_policy(), ADMINISTRATOR)
    assert found["alpr_administrator"] == ""
    assert "a person with the role auditor" in found["auditor"]
    mine = a_policy(a_word("auditor", person_id=READ))
    assert "another person gives this word" in why(mine, ADMINISTRATOR)["alpr_administrator"]
    assert "a person with the role" in why(a_policy(), AUDITOR - {"audit:work"})["auditor"], (
        "every permission of the role"
    )


async def test_an_administrator_acknowledges_and_sees_who_has_not(sign_in, services, show):
    show(a_policy(), a_policy(a_word("auditor", name=HOSTILE), digest=OLD, services=[]))
    browser = await sign_in(*ADMINISTRATOR)
    assert "Policies to acknowledge: 1" in browser.said
    await browser.open("/policies")
    assert "Auditor not acknowledged : a person with the role auditor" in browser.said
    assert "that of the policy page" in browser.said
    assert browser.page.text.count('name="role"') == 1, "none for a policy that is out of use"
    assert HOSTILE not in browser.page.text
    services.answers[f"POST /policies/{POLICY.digest}/acknowledgements"] = lambda _: httpx.Response(
        200, json=a_policy()
    )
    await browser.send(f"/policies/{POLICY.digest}/acknowledgement", role="alpr_administrator")
    assert browser.page.url.path == "/policies"
    [asked] = services.asked("POST", "/acknowledgements")
    assert json.loads(asked.content) == {"role": "alpr_administrator"}


async def test_a_policy_that_both_acknowledged_awaits_nobody(sign_in, show):
    both = (a_word("auditor"), a_word("alpr_administrator", person_id=READ))
    show(a_policy(*both))
    browser = await sign_in(*AUDITOR)
    assert "Policies to acknowledge" not in browser.said
    await browser.open("/policies")
    assert "not acknowledged" not in browser.said
    assert 'name="role"' not in browser.page.text


async def test_services_with_different_policies_are_said(sign_in, show):
    show(a_policy(), a_policy(digest=OLD, version="2026-10", services=["ingest"]))
    browser = await sign_in(*ADMINISTRATOR)
    await browser.open("/policies")
    assert "Services use different policies" in browser.said


async def test_a_word_that_another_person_gave_first_is_refused_in_words(sign_in, services, show):
    show(a_policy())
    browser = await sign_in(*ADMINISTRATOR)
    await browser.open("/policies")
    services.answers[f"POST /policies/{POLICY.digest}/acknowledgements"] = lambda _: problem(
        409, "Conflict", "this role has acknowledged it"
    )
    show(a_policy(a_word("alpr_administrator")))
    answer = await browser.send(
        f"/policies/{POLICY.digest}/acknowledgement", role="alpr_administrator"
    )
    assert answer.status_code == 409
    assert "this role has acknowledged it" in browser.said
    assert 'name="role"' not in answer.text
