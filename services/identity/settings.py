"""Identity's settings, read from its environment."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, model_validator

from shared.core.certificates import CertificateRefused, Signer, SigningSeed, signer
from shared.core.fields import SecretKey, SecretKeys, key_bytes, keys_of
from shared.mail.server import MailServer, server_of
from shared.service.settings import ApiSettings

ConsoleHost = Annotated[
    str, StringConstraints(pattern=r"^(localhost|([a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{0,62}|)$")
]
"""A host name in lower case, or nothing. Browsers tie keys to names, so an address in digits is none."""


class Settings(ApiSettings):
    """Identity's settings, read from its environment; built once, in main."""

    identity_key_encryption_key: SecretKey
    """Base64 of 32 random bytes. Encrypts signing keys and second-factor secrets at rest (AES-256-GCM)."""

    identity_other_key_encryption_keys: SecretKeys = SecretStr("")
    """Further such keys, separated by spaces: they open secrets but seal no new ones. While the key-encryption
    key changes, this holds first the coming key, then the former one (ADR-0017)."""

    identity_issuer_key: SigningSeed
    """Base64 of 32 random bytes: the Ed25519 key that signs token keys and account changes (ADR-0018)."""

    identity_issuer_certificate: str
    """The certificate of that key by a root of `root_public_keys`, valid for 400 days at most."""

    identity_key_rotation_days: Annotated[int, Field(ge=1, le=365)] = 30

    identity_invitation_hours: Annotated[int, Field(ge=1, le=336)] = 72

    identity_session_hours: Annotated[int, Field(ge=1, le=24)] = 12
    """The longest session, even one in use: a shift."""

    identity_argon2_memory_kib: Annotated[int, Field(ge=19_456, le=1_048_576)] = 65_536
    """The second recommendation of RFC 9106; never below OWASP's minimum (19 MiB)."""

    identity_argon2_time_cost: Annotated[int, Field(ge=2, le=10)] = 3

    identity_argon2_workers: Annotated[int, Field(ge=1, le=16)] = 2
    """The number of threads that hash passwords; known browsers and sessions have one more. The hasher uses up
    to (this + 1) times the memory cost."""

    identity_sign_in_burst: Annotated[int, Field(ge=5)] = 20
    """The burst of refused sign-ins that one address may make, then `refusals_per_minute`: checking a password
    costs more than other refusals. Each known browser has its own allowance."""

    identity_console_host: ConsoleHost = ""
    """The host name of the console's pages, without port, such as console.example.org: people's security keys answer
    to pages of this very host only (ADR-0136). Empty: no security keys."""

    identity_mail_url: SecretStr = SecretStr("")
    """The server that mails invitations: smtps://user:password@host, or smtp+starttls://; empty for no mail."""

    identity_mail_from: str = ""
    """The sender address of those mails."""

    identity_case_numbers_folder: Annotated[
        Path | None, BeforeValidator(lambda given: given or None)
    ] = None
    """The folder to which the department's own systems export their case and call numbers, as .csv or .txt; read if the
    policy compares numbers (`cases.known_within_h`, ADR-0141)."""

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        """Refuse a mail server without TLS or sender."""
        server_of("IDENTITY", self.identity_mail_url, self.identity_mail_from)
        return self

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server, or None where invitations go on paper only."""
        return server_of("IDENTITY", self.identity_mail_url, self.identity_mail_from)

    @model_validator(mode="after")
    def _issuer_holds_together(self) -> Self:
        """Refuse a certificate of another key, for another usage, or by a root that is not trusted."""
        try:
            self.issuer()
        except CertificateRefused as exc:
            raise ValueError(f"IDENTITY_ISSUER_CERTIFICATE: {exc.detail}") from None
        return self

    def issuer(self) -> Signer:
        """Return the signer of token keys and accounts. Raises: CertificateRefused."""
        return signer(
            self.identity_issuer_key,
            self.identity_issuer_certificate,
            self.root_public_keys,
            "tokens",
        )

    @property
    def key_encryption_key(self) -> bytes:
        """The key itself, 32 bytes."""
        return key_bytes(self.identity_key_encryption_key)

    @property
    def other_key_encryption_keys(self) -> list[bytes]:
        """The keys that open secrets but do not seal, 32 bytes each."""
        return [key_bytes(key) for key in keys_of(self.identity_other_key_encryption_keys)]
