"""Ingest's settings, read from its environment; built once, in main."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from shared.core.certificates import CertificateRefused, Signer, SigningSeed, signer
from shared.core.fields import SecretKey, SecretKeys, key_bytes, keys_of
from shared.core.vault import Vault
from shared.objects.settings import ObjectSettings
from shared.service.settings import ApiSettings

MEBIBYTE = 1024 * 1024
FORM_OVERHEAD_BYTES = 64 * 1024
"""Most bytes that a form may add to its file: boundaries, headers, fields."""


class Settings(ApiSettings, ObjectSettings):
    """Ingest's limits and keys. Environment names are the fields' in capitals, e.g. INGEST_MAX_FRAME_BYTES."""

    ingest_signing_key: SigningSeed
    """Base64 of 32 random bytes: the Ed25519 key that signs captures (ADR-0020)."""

    ingest_signing_certificate: str
    """The certificate of that key (usage `captures`) by a root of `root_public_keys`, for 400 days at most."""

    ingest_id_key: SecretKey
    """Base64 of 32 random bytes. Seals the months' secrets, which key the ids of captures and reads (ADR-0026)."""

    ingest_other_id_keys: SecretKeys = SecretStr("")
    """Earlier such keys, separated by spaces: they open secrets, which `ingest_id_key` then seals again."""

    ingest_max_frame_bytes: Annotated[int, Field(ge=1024, le=25 * MEBIBYTE)] = 25_000_000
    """Limit of one frame; recognition reads no larger ones."""

    ingest_max_batch_bytes: Annotated[int, Field(ge=1024)] = 8 * MEBIBYTE
    """Limit of one body of reads, before and after unpacking."""

    ingest_max_batch_reads: Annotated[int, Field(ge=1, le=100_000)] = 10_000

    ingest_max_bytes_in_flight: Annotated[int, Field(ge=MEBIBYTE)] = 256 * MEBIBYTE
    """Limit of all bodies in one process; a request beyond it gets 503, instead of exhausting memory. One device has
    half of it. At least three times that of a frame, and twice that of a batch, which would otherwise be refused for
    ever."""

    ingest_body_timeout_s: Annotated[float, Field(gt=0)] = 60
    """Longest time for a body to arrive completely."""

    ingest_clock_skew_s: Annotated[float, Field(ge=0)] = 300
    """How far in the future a device's clock may be."""

    ingest_fixed_within_m: Annotated[float, Field(gt=0)] = 200
    """A fixed camera that sends a position farther from its registered place than this is refused."""

    ingest_frames_per_s: Annotated[float, Field(gt=0)] = 20
    """Default for a device that is registered without a rate."""

    ingest_reads_per_s: Annotated[float, Field(gt=0)] = 2_000

    ingest_devices_ttl_s: Annotated[float, Field(gt=0)] = 15
    """Interval of reloading all devices, in case an event about one was lost."""

    ingest_silent_after_s: Annotated[int, Field(ge=60)] = 4 * 3600
    """A fixed camera that sends nothing for this long, or only what is refused, is reported; vehicles may be parked."""

    ingest_late_after_s: Annotated[int, Field(ge=60)] = 3600
    """A fixed camera of which several posts over this long all came too late to be live is reported: its clock may be
    wrong. Posts that are farther apart than this are no such stretch."""

    ingest_silence_every_s: Annotated[float, Field(gt=0)] = 60
    """Interval of both checks."""

    ingest_last_seen_every_s: Annotated[float, Field(gt=0)] = 5

    @property
    def id_vault(self) -> Vault:
        """The vault that seals and opens the secrets of months."""
        others = [key_bytes(key) for key in keys_of(self.ingest_other_id_keys)]
        return Vault(key_bytes(self.ingest_id_key), others)

    @model_validator(mode="after")
    def _signer_holds_together(self) -> Self:
        """Refuse a certificate of another key, for another usage, or by an untrusted root."""
        try:
            self.signer()
        except CertificateRefused as exc:
            raise ValueError(f"INGEST_SIGNING_CERTIFICATE: {exc.detail}") from None
        return self

    @property
    def max_maker_post_bytes(self) -> int:
        """The limit of a post in a maker's format: base64 makes of a frame a third more, and a crop comes along."""
        return self.ingest_max_frame_bytes * 3 // 2

    @property
    def largest_body_bytes(self) -> int:
        """The most bytes of one request: a frame in a form, a maker's post and its pictures, or a batch as it came and
        unpacked."""
        return max(
            self.ingest_max_frame_bytes + FORM_OVERHEAD_BYTES,
            2 * self.max_maker_post_bytes,
            2 * self.ingest_max_batch_bytes,
        )

    @property
    def device_bytes_in_flight(self) -> int:
        """The most bytes of all bodies of one device: half of all, and one body at the least."""
        return max(self.ingest_max_bytes_in_flight // 2, self.largest_body_bytes)

    @model_validator(mode="after")
    def _each_body_fits(self) -> Self:
        """Refuse a limit of all bodies that one body alone can exceed."""
        largest = self.largest_body_bytes
        if self.ingest_max_bytes_in_flight < largest:
            raise ValueError(
                f"INGEST_MAX_BYTES_IN_FLIGHT must be {largest} or more, to hold one body"
            )
        return self

    def signer(self) -> Signer:
        """Return the signer of captures. Raises: CertificateRefused."""
        return signer(
            self.ingest_signing_key,
            self.ingest_signing_certificate,
            self.root_public_keys,
            "captures",
        )
