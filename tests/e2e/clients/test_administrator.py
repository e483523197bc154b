"""An administrator invites an officer, another person hands the invitation over, the officer enrols and signs in."""

from time import time

import pyotp
import pytest

from local.demo.department import DEPARTMENT_ORI
from tests.e2e.clients.python import refusal

pytestmark = pytest.mark.clients


def administrator(service, *, administrator, deliverer, username, ori):
    accounts, anyone = service("identity", administrator), service("identity")
    wanted = accounts.model(
        "AccountIn",
        username=username,
        name="Noa Quill",
        title="Police Officer",
        agency_ori=ori,
        roles=["officer"],
        sources=["department"],
    )
    invited = accounts.create_account(wanted)
    account_id = invited.account.account_id
    by_inviter = refusal(accounts.deliver_invitation, account_id)
    token = service("identity", deliverer).deliver_invitation(account_id).invitation_token
    password = "a wheel within a wheel 26"
    held = {"invitation_token": token}
    factor = anyone.begin_enrolment(anyone.model("EnrolmentIn", **held, password=password))
    totp = pyotp.TOTP(factor.totp_secret)
    enrolled = anyone.confirm_enrolment(anyone.model("ConfirmationIn", **held, totp=totp.now()))
    signing_in = {"username": username, "password": password, "totp": totp.at(time() + 30)}
    session = anyone.open_session(anyone.model("SessionIn", **signing_in))
    me = service("identity", session.access_token).get_me()
    reason = accounts.model("ReasonIn", reason="On leave until next month")
    locked = accounts.lock_account(account_id, reason)
    return {
        "invited": invited.state,
        "delivered_by_inviter": by_inviter,
        "enrolled": enrolled.status,
        "me": [me.username, list(me.roles)],
        "locked": locked.status,
        "when_locked": refusal(service("identity", session.access_token).get_me),
    }


async def test_an_administrator_invites_an_officer_who_signs_in(run, client, tokens):
    username = f"n.{client}"
    answers = run(
        administrator,
        administrator=tokens["administrator"],
        deliverer=tokens["trainer"],
        username=username,
        ori=DEPARTMENT_ORI,
    )
    assert answers == {
        "invited": "to_be_delivered",
        "delivered_by_inviter": {"status": 403, "code": "permission_missing"},
        "enrolled": "active",
        "me": [username, ["officer"]],
        "locked": "locked",
        "when_locked": {"status": 401, "code": "account_ended"},
    }
