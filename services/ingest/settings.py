"""Everything ingest reads from its environment; built once, in main."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from shared.core.certificates import CertificateRefused, Signer, SigningSeed, signer
from shared.core.fields import SecretKey, SecretKeys, key_bytes, keys_of
from shared.core.vault import Vault
from shared.service.settings import CommonSettings

MEBIBYTE = 1024 * 1024


class Settings(CommonSettings):
    """Limits of the doors. Environment names are the fields' in capitals, e.g. INGEST_MAX_FRAME_BYTES."""

    ingest_signing_key: SigningSeed
    """Base64 of 32 random bytes: the Ed25519 key that signs captures (ADR-0020)."""

    ingest_signing_certificate: str
    """What a root of `root_public_keys` says of that key (usage `captures`), for 400 days at most."""

    ingest_id_key: SecretKey
    """Base64 of 32 random bytes. Seals the secrets of months under which ids of captures and reads are keyed (ADR-0026)."""

    ingest_other_id_keys: SecretKeys = SecretStr("")
    """Such keys separated by spaces: what they sealed still opens and is sealed again with `ingest_id_key`."""

    ingest_max_frame_bytes: Annotated[int, Field(ge=1024)] = 25_000_000

    ingest_max_batch_bytes: Annotated[int, Field(ge=1024)] = 8 * MEBIBYTE
    """Of one body of reads, before and after unpacking."""

    ingest_max_batch_reads: Annotated[int, Field(ge=1, le=100_000)] = 10_000

    ingest_max_bytes_in_flight: Annotated[int, Field(ge=MEBIBYTE)] = 256 * MEBIBYTE
    """Of all bodies together that one process holds; more is answered 503, not with its death."""

    ingest_body_timeout_s: Annotated[float, Field(gt=0)] = 60
    """A body that has not arrived whole by then is given up."""

    ingest_clock_skew_s: Annotated[float, Field(ge=0)] = 300
    """How far in the future a device's clock may be."""

    ingest_fixed_within_m: Annotated[float, Field(gt=0)] = 200
    """A fixed camera that says it is farther from its registered place than this is refused."""

    ingest_frames_per_s: Annotated[float, Field(gt=0)] = 20
    """Of a device that was registered without a rate of its own."""

    ingest_reads_per_s: Annotated[float, Field(gt=0)] = 2_000

    ingest_devices_ttl_s: Annotated[float, Field(gt=0)] = 15
    """Every device is read again this often, should an event about one not have come."""

    ingest_silent_after_s: Annotated[int, Field(ge=60)] = 4 * 3600
    """A fixed camera that says nothing for so long is told of; vehicles may stand in the garage."""

    ingest_silence_every_s: Annotated[float, Field(gt=0)] = 60
    """How often that is looked at."""

    ingest_last_seen_every_s: Annotated[float, Field(gt=0)] = 5

    @property
    def id_vault(self) -> Vault:
        """What seals and opens the secrets of months."""
        others = [key_bytes(key) for key in keys_of(self.ingest_other_id_keys)]
        return Vault(key_bytes(self.ingest_id_key), others)

    @model_validator(mode="after")
    def _signer_holds_together(self) -> Self:
        """Refuse a certificate of another key, for another usage, or by a root that is not trusted."""
        try:
            self.signer()
        except CertificateRefused as exc:
            raise ValueError(f"INGEST_SIGNING_CERTIFICATE: {exc.detail}") from None
        return self

    def signer(self) -> Signer:
        """Return what signs captures. Raises: CertificateRefused."""
        return signer(
            self.ingest_signing_key,
            self.ingest_signing_certificate,
            self.root_public_keys,
            "captures",
        )
