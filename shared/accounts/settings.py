"""Settings that decide whose tokens, accounts and captures a service trusts."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.core.certificates import RootKeys


class TrustSettings(BaseSettings):
    """Settings of services that check access tokens and signing keys."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    root_public_keys: RootKeys
    """The roots that certify signing keys: base64 of 32 bytes, or two of them with a space between while
    the root changes (ADR-0018). Keys without a certificate of a trusted root are refused."""

    token_issuer: str = "plateward"  # noqa: S105 - a name, not a secret
