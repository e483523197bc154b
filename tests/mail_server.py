"""A mail server of the tests' own that speaks SMTP over TLS, by each of the two schemes."""

import asyncio
import ipaddress
import ssl
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class MailBox:
    """A mail server that stores its messages, or refuses them."""

    context: ssl.SSLContext
    refuses: str = ""
    """Its reply to each recipient; empty to accept them."""

    login: tuple[str, str] | None = None
    """The user and password without whom it takes no mail; None to take anyone's."""

    mails: list = field(default_factory=list)
    in_the_clear: list = field(default_factory=list)
    port: int = 0

    async def serve(self, reader, writer, secure):
        def say(line):
            writer.write(f"{line}\r\n".encode())

        known = self.login is None
        say("220 mail")
        while line := (await reader.readline()).decode().strip():
            word = line.upper()
            if not secure:
                self.in_the_clear.append(line)
            if word.startswith("EHLO"):
                say("250-mail")
                say("250 AUTH PLAIN" if secure else "250 STARTTLS")
            elif word == "STARTTLS":
                say("220 go on")
                await writer.drain()
                await writer.start_tls(self.context)
                secure = True
            elif word.startswith("AUTH PLAIN "):
                _, user, password = b64decode(line.split()[2]).decode().split("\0")
                known = (user, password) == self.login
                say("235 welcome" if known else "535 wrong user or password")
            elif word.startswith("MAIL") and not known:
                say("530 log in first")
            elif word == "DATA":
                say("354 go on")
                lines = []
                while (part := (await reader.readline()).decode()) != ".\r\n":
                    lines.append(part)
                self.mails.append("".join(lines))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                break
            elif word.startswith("RCPT") and self.refuses:
                say(self.refuses)
            else:
                say("250 yes")
            await writer.drain()
        writer.close()


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    """A server's certificate, which is trusted where `trusted` is called."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "mail.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


@pytest.fixture
def mail_box(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return MailBox(context)


@pytest.fixture(params=["smtps", "smtp+starttls"])
async def mailing(request, mail_box):
    """The server, running; return its URL."""
    secure = request.param == "smtps"

    async def serve(reader, writer):
        await mail_box.serve(reader, writer, secure)

    server = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=mail_box.context if secure else None
    )
    mail_box.port = server.sockets[0].getsockname()[1]
    yield f"{request.param}://127.0.0.1:{mail_box.port}"
    server.close()
