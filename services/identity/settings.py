"""What identity reads from its environment."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from services.identity.domain.mail_server import MailServer
from shared.core.certificates import CertificateRefused, Signer, SigningSeed, signer
from shared.core.fields import SecretKey, SecretKeys, key_bytes, keys_of
from shared.service.settings import CommonSettings


class Settings(CommonSettings):
    """Everything identity reads from its environment; built once, in main."""

    identity_key_encryption_key: SecretKey
    """Base64 of 32 random bytes. Encrypts signing keys and second-factor secrets at rest (AES-256-GCM)."""

    identity_other_key_encryption_keys: SecretKeys = SecretStr("")
    """Such keys separated by spaces: what they sealed still opens, but nothing is sealed with them. The
    key that is to come, then the one that was, while the key-encryption key is changed (ADR-0017)."""

    identity_issuer_key: SigningSeed
    """Base64 of 32 random bytes: the Ed25519 key that signs token keys and account changes (ADR-0018)."""

    identity_issuer_certificate: str
    """What a root of `root_public_keys` says of that key, for 400 days at most."""

    identity_key_rotation_days: Annotated[int, Field(ge=1, le=365)] = 30

    identity_invitation_hours: Annotated[int, Field(ge=1, le=336)] = 72

    identity_session_hours: Annotated[int, Field(ge=1, le=24)] = 12
    """However busy, a session ends after this; a shift."""

    identity_argon2_memory_kib: Annotated[int, Field(ge=19_456, le=1_048_576)] = 65_536
    """RFC 9106's second choice; never under OWASP's least (19 MiB)."""

    identity_argon2_time_cost: Annotated[int, Field(ge=2, le=10)] = 3

    identity_argon2_workers: Annotated[int, Field(ge=1, le=16)] = 2
    """Passwords hashed at the same time, besides one of those who are known; memory in use is this and one
    times the memory cost."""

    identity_sign_in_burst: Annotated[int, Field(ge=5)] = 20
    """So many refused sign-ins at once are looked at for an address, and then `refusals_per_minute`: passwords
    cost more than other refusals. A known browser has an allowance of its own."""

    identity_mail_url: SecretStr = SecretStr("")
    """Where invitations are mailed, if they are: smtps://user:password@host, or smtp+starttls://."""

    identity_mail_from: str = ""
    """From whom those mails are: an address."""

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        """Refuse a mail server without TLS or sender."""
        url = self.identity_mail_url.get_secret_value()
        if url:
            MailServer.of(url)
            if "@" not in self.identity_mail_from:
                raise ValueError("IDENTITY_MAIL_FROM is the address that mails are from")
        return self

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server, or None where invitations go on paper only."""
        url = self.identity_mail_url.get_secret_value()
        return MailServer.of(url) if url else None

    @model_validator(mode="after")
    def _issuer_holds_together(self) -> Self:
        """Refuse a certificate of another key, for another usage, or by a root that is not trusted."""
        try:
            self.issuer()
        except CertificateRefused as exc:
            raise ValueError(f"IDENTITY_ISSUER_CERTIFICATE: {exc.detail}") from None
        return self

    def issuer(self) -> Signer:
        """Return what signs token keys and accounts. Raises: CertificateRefused."""
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
        """The keys that open only, 32 bytes each."""
        return [key_bytes(key) for key in keys_of(self.identity_other_key_encryption_keys)]
