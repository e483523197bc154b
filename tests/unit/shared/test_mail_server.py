"""The mail server that a setting names: by TLS, with its port, its user and a password that is shown nowhere."""

import pytest
from pydantic import SecretStr

from shared.mail.sending import MailRefused
from shared.mail.server import MailServer, server_of

FROM = "alpr@example.org"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://mail.example.org", MailServer("smtps", "mail.example.org", 465, FROM)),
        (
            "smtp+starttls://mail.example.org",
            MailServer("smtp+starttls", "mail.example.org", 587, FROM),
        ),
        (
            "smtps://a%40b:p%2Fw%3A@mail.example.org:2465",
            MailServer("smtps", "mail.example.org", 2465, FROM, "a@b", "p/w:"),
        ),
    ],
)
def test_a_setting_names_scheme_host_port_user_and_password(url, server):
    found = server_of("AUDIT", SecretStr(url), FROM)
    assert found == server
    assert "p/w:" not in repr(found)


def test_without_an_address_there_is_no_server():
    assert server_of("AUDIT", SecretStr(""), "") is None


@pytest.mark.parametrize(
    ("url", "sender", "fault"),
    [
        ("smtp://a:secret@mail.example.org", FROM, "AUDIT_MAIL_URL is smtps://"),
        ("smtps://", FROM, "AUDIT_MAIL_URL is smtps://"),
        ("smtps://a:secret/b@mail.example.org", FROM, "%2F for a / in the password"),
        ("smtps://a:secret?b@mail.example.org", FROM, "%3F for a ?"),
        ("smtps://a:secret#b@mail.example.org:465", FROM, "%23 for a #"),
        ("smtps://a:[secret@mail.example.org", FROM, "AUDIT_MAIL_URL is smtps://"),
        ("smtps://a:2525/secret@mail.example.org", FROM, "%2F for a / in the password"),
        ("smtps://a:secret@mail.example.org", "", "AUDIT_MAIL_FROM must be"),
    ],
)
def test_a_server_without_tls_or_sender_is_refused_without_its_password(url, sender, fault):
    with pytest.raises(ValueError, match=fault) as refused:
        server_of("AUDIT", SecretStr(url), sender)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("reply", "for_good"), [(421, False), (499, False), (500, True), (550, True)]
)
def test_a_reply_from_500_on_refuses_for_good(reply, for_good):
    assert MailRefused(reply).for_good is for_good
