"""Invitations by mail, to a server of the tests' own that speaks SMTP over TLS."""

from contextlib import asynccontextmanager
from datetime import datetime
from email import message_from_string

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from services.identity.main import build_app
from services.registry import SPECS
from shared.events import AccountChanged
from shared.service.api_runtime import ApiRuntime
from tests.integration.identity.conftest import Person, QuickSettings

pytestmark = pytest.mark.enable_socket

ADDRESS = "j.rivera@mail.example.org"


@asynccontextmanager
async def identity_with(settings, url, bus, objects, clock, people):
    """Start identity with a mail server, on the data of the one without."""
    told = settings.model_dump() | {
        "identity_mail_url": SecretStr(url),
        "identity_mail_from": "alpr@example.org",
    }
    chosen = QuickSettings(**told)
    runtime = ApiRuntime(
        SPECS["identity"], chosen, bus=bus, objects=objects, clock=clock, people=people
    )
    app = build_app(chosen, runtime)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:
            yield client


@pytest.fixture
async def sergeant(hire):
    return await hire("t.sergeant", "training_sergeant", title="Training Sergeant")


@pytest.fixture
async def path(administrator, sergeant):
    await administrator.sign_in()
    made = await administrator.post(
        "/v1/accounts", username="j.rivera", name="Jo Rivera", title="Police Officer",
        agency_ori="CA0520100", roles=["officer"],
    )  # fmt: skip
    await sergeant.sign_in()
    return f"/v1/accounts/{made.json()['account']['account_id']}/invitation/delivery"


@pytest.mark.clause("468.3/deliverer")
async def test_an_invitation_is_mailed_and_its_deliverer_does_not_see_it(
    identity_settings, bus, objects, clock, people, mailing, mail_box, sergeant, path, published
):
    parts = (identity_settings, mailing, bus, objects, clock, people)
    async with identity_with(*parts) as client:
        answer = await client.post(path, json={"email": ADDRESS}, headers=sergeant.headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["invitation_token"] is None
        [mail] = mail_box.mails
        message = message_from_string(mail)
        assert (message["To"], message["From"]) == (ADDRESS, "alpr@example.org")
        text = message.get_payload(decode=True).decode().replace("\r\n", "\n")
        token = text.partition("Invitation: ")[2].split()[0]
        until = datetime.fromisoformat(answer.json()["expires_at"])
        assert f"Holds until: {until:%Y-%m-%d %H:%M} UTC\n" in text
        assert text.startswith("Jo Rivera,\n")
        assert "under the user name j.rivera." in text
        assert not any(token in line for line in mail_box.in_the_clear)
        assert not any("RCPT" in line.upper() for line in mail_box.in_the_clear)
        again = await client.post(path, headers=sergeant.headers)
        assert (again.status_code, again.json()["code"]) == (409, "invitation_delivered")
        await Person(client, clock, "j.rivera").enrol(token)
    [event] = [e for e in await published(AccountChanged) if e.change == "invitation_delivered" and
               str(e.account_id) in path]  # fmt: skip
    assert event.actor.person_id == sergeant.account_id
    assert (event.details["how"], event.details["mail_domain"]) == ("mail", "mail.example.org")


@pytest.mark.clause("468.3/deliverer")
async def test_an_invitation_that_the_mail_server_refuses_is_not_delivered(
    identity_settings, bus, objects, clock, people, mailing, mail_box, sergeant, path, published
):
    mail_box.refuses = "550 no such person"
    parts = (identity_settings, mailing, bus, objects, clock, people)
    async with identity_with(*parts) as client:
        answer = await client.post(path, json={"email": ADDRESS}, headers=sergeant.headers)
        assert answer.status_code == 503, answer.text
        assert (answer.json()["code"], answer.json()["params"]) == ("mail_refused", {"reply": 550})
        assert "reply 550; the invitation is not delivered" in answer.json()["detail"]
        on_paper = await client.post(path, headers=sergeant.headers)
        assert on_paper.json()["invitation_token"]
    told = [e for e in await published(AccountChanged) if str(e.account_id) in path]
    assert [e.details["how"] for e in told if e.change == "invitation_delivered"] == ["paper"]


@pytest.mark.clause("468.3/deliverer")
async def test_a_mail_server_without_a_trusted_certificate_gets_no_mail(
    identity_settings, bus, objects, clock, people, mailing, mail_box, sergeant, path, monkeypatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    parts = (identity_settings, mailing, bus, objects, clock, people)
    async with identity_with(*parts) as client:
        answer = await client.post(path, json={"email": ADDRESS}, headers=sergeant.headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "mail_server_away")
    assert mail_box.mails == []


async def test_without_a_mail_server_an_address_is_refused(sergeant, path):
    answer = await sergeant.post(path, email=ADDRESS)
    assert (answer.status_code, answer.json()["field"]) == (422, "email")
    wrong = await sergeant.post(path, email="no address")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "body.email")


@pytest.mark.parametrize("url", ["smtp://mail.example.org", "https://mail.example.org", "smtps://"])
def test_mail_goes_by_tls_only(identity_settings, url):
    told = identity_settings.model_dump() | {"identity_mail_from": "alpr@example.org"}
    with pytest.raises(ValidationError, match="smtps://user:password@host"):
        QuickSettings(**told | {"identity_mail_url": SecretStr(url)})
    with pytest.raises(ValidationError, match="IDENTITY_MAIL_FROM"):
        QuickSettings(
            **told | {"identity_mail_url": SecretStr("smtps://mail"), "identity_mail_from": ""}
        )
