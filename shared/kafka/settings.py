"""Settings for connecting and authenticating to Kafka, with validation at the start.

Connections are encrypted and both ends authenticated (CJIS SC-8, IA-3; policy 468.5) unless Kafka is on this machine.
`shared/kafka/client.py` creates clients from them.
"""

import ssl
from pathlib import Path
from typing import Annotated, Literal, Self

from aiokafka.conn import collect_hosts
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.core.links import Given, checked_tls, is_this_machine

OF_TLS = ("kafka_ca_file", "kafka_certificate_file", "kafka_key_file")
OF_SASL = (
    "kafka_sasl_mechanism",
    "kafka_sasl_username",
    "kafka_sasl_password",
    "kafka_sasl_password_file",
)


class KafkaSettings(BaseSettings):
    """Settings of every Kafka client."""

    # Errors do not show the value of a refused setting: it may be a secret.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap: str = "127.0.0.1:9092"
    """host:port of one broker, or of several, separated by commas."""

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """SSL: TLS, with a client certificate. SASL_SSL: TLS, with a password. The two without TLS are for a Kafka on this
    machine; see `kafka_allow_plaintext`."""

    kafka_allow_plaintext: bool = False
    """Allow a Kafka on another machine without TLS, if a service mesh or a tunnel encrypts the whole path to it."""

    kafka_allow_one_copy: bool = False
    """Accept a Kafka of fewer than three brokers. Acknowledged records may then be on one broker only, so a receipt
    does not survive the loss of that machine; receipts and readiness say so."""

    kafka_ca_file: Annotated[Path | None, Given] = None
    """Certificates (PEM) of trusted signers of brokers; the operating system's if not set."""

    kafka_certificate_file: Annotated[Path | None, Given] = None
    """This client's certificate (PEM), with intermediate certificates."""

    kafka_key_file: Annotated[Path | None, Given] = None
    """The private key (PEM, unencrypted) of `kafka_certificate_file`; a secret."""

    kafka_sasl_mechanism: Annotated[
        Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] | None, Given
    ] = None
    """SCRAM-SHA-512 if not set. PLAIN sends the password itself, so it requires TLS."""

    kafka_sasl_username: Annotated[str | None, Given] = None

    kafka_sasl_password: Annotated[SecretStr | None, Given] = None

    kafka_sasl_password_file: Annotated[Path | None, Given] = None
    """A file that contains only the password, instead of `kafka_sasl_password`."""

    kafka_empty_fetch_pause_ms: Annotated[int, Field(ge=0, le=1000)] = 0
    """Pause after an empty fetch; only for the embedded broker, which has no long poll (ADR-0003)."""

    @model_validator(mode="after")
    def _kafka_fits_together(self) -> Self:
        """Refuse contradictory settings, unencrypted connections, and invalid files."""
        self._refuse_open_links()
        self._refuse_what_has_no_effect()
        if self.kafka_by_sasl:
            self._refuse_half_a_login()
        elif self.kafka_by_tls and self.kafka_certificate_file is None:
            raise ValueError(
                "KAFKA_SECURITY_PROTOCOL=SSL needs KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE: without "
                "them Kafka cannot authenticate this client"
            )
        if self.kafka_by_tls:
            self.kafka_tls()
        return self

    @property
    def kafka_by_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.kafka_security_protocol in {"SSL", "SASL_SSL"}

    @property
    def kafka_by_sasl(self) -> bool:
        """Whether this client authenticates by user and password."""
        return self.kafka_security_protocol in {"SASL_PLAINTEXT", "SASL_SSL"}

    @property
    def kafka_mechanism(self) -> str:
        """The SASL mechanism."""
        return self.kafka_sasl_mechanism or "SCRAM-SHA-512"

    def kafka_password(self) -> str:
        """Return the password, from its file if set. Raises: ValueError."""
        if self.kafka_sasl_password is not None:
            return self.kafka_sasl_password.get_secret_value()
        if self.kafka_sasl_password_file is None:
            raise ValueError("KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE is missing")
        try:
            text = self.kafka_sasl_password_file.read_text().removesuffix("\n")
        except (OSError, UnicodeDecodeError):
            raise ValueError("KAFKA_SASL_PASSWORD_FILE cannot be read") from None
        if not text or "\n" in text:
            raise ValueError("KAFKA_SASL_PASSWORD_FILE must contain one password on one line")
        return text

    def kafka_tls(self) -> ssl.SSLContext:
        """Return the TLS context of connections: TLS 1.2 or later, verifying the broker's name and signer.

        Raises: ValueError for an invalid file.
        """
        context = checked_tls(self.kafka_ca_file, "KAFKA_CA_FILE")
        if self.kafka_certificate_file is None:
            return context
        try:
            context.load_cert_chain(
                self.kafka_certificate_file, self.kafka_key_file, password=_no_passphrase
            )
        except (OSError, ValueError):  # ssl.SSLError is an OSError
            raise ValueError(
                "KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE must be a readable certificate and its own "
                "private key, not encrypted (PEM)"
            ) from None
        return context

    def _refuse_open_links(self) -> None:
        """Raise ValueError if a connection to Kafka could be read by others."""
        try:
            hosts = [host for host, _, _ in collect_hosts(self.kafka_bootstrap, randomize=False)]
        except ValueError:
            raise ValueError("KAFKA_BOOTSTRAP must have the form host:port,host:port") from None
        if self.kafka_by_tls:
            return
        if not self.kafka_allow_plaintext and not all(map(is_this_machine, hosts)):
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} reaches a Kafka on another "
                "machine without TLS: set SSL or SASL_SSL, or KAFKA_ALLOW_PLAINTEXT=true if a "
                "service mesh or a tunnel encrypts the whole path"
            )
        if self.kafka_by_sasl and self.kafka_mechanism == "PLAIN":
            raise ValueError(
                "KAFKA_SASL_MECHANISM=PLAIN would send the password in the clear: it needs "
                "KAFKA_SECURITY_PROTOCOL=SASL_SSL"
            )

    def _refuse_what_has_no_effect(self) -> None:
        """Raise ValueError for settings that the protocol ignores: the operator relies on their effect."""
        idle = (*(() if self.kafka_by_tls else OF_TLS), *(() if self.kafka_by_sasl else OF_SASL))
        if given := [name.upper() for name in idle if getattr(self, name) is not None]:
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} does not use "
                f"{', '.join(given)}"
            )
        if self.kafka_key_file is not None and self.kafka_certificate_file is None:
            raise ValueError("KAFKA_KEY_FILE is set without KAFKA_CERTIFICATE_FILE")
        if self.kafka_certificate_file is not None and self.kafka_key_file is None:
            raise ValueError("KAFKA_CERTIFICATE_FILE is set without KAFKA_KEY_FILE")

    def _refuse_half_a_login(self) -> None:
        """Raise ValueError unless a user and exactly one password are set."""
        if self.kafka_sasl_username is None:
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs KAFKA_SASL_USERNAME"
            )
        given = (self.kafka_sasl_password, self.kafka_sasl_password_file)
        if given.count(None) != 1:
            raise ValueError("set one of KAFKA_SASL_PASSWORD and KAFKA_SASL_PASSWORD_FILE")
        self.kafka_password()


def _no_passphrase() -> str:
    """Return an empty passphrase: otherwise OpenSSL would prompt at the terminal, and wait for ever."""
    return ""
