"""Everything hotlist reads from its environment; built once, in main."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.core.fields import SecretKey, SecretKeys, key_bytes, keys_of
from shared.core.vault import Vault
from shared.service.settings import CommonSettings


class Settings(CommonSettings):
    """Common settings, and hotlist's own (`HOTLIST_…`)."""

    hotlist_id_key: SecretKey
    """Base64 of 32 random bytes. Seals the secrets of months under which ids of hits are keyed (ADR-0026)."""

    hotlist_other_id_keys: SecretKeys = SecretStr("")
    """Such keys separated by spaces: what they sealed still opens and is sealed again with `hotlist_id_key`."""

    hotlist_poll_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How often another replica's changes are looked for when Postgres's notice of them is missed."""

    hotlist_heartbeat_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """A silent alert stream says at least so often that it lives, and looks whether it still may."""

    hotlist_stream_buffer: Annotated[int, Field(ge=1)] = 256
    """Alerts kept for one slow client; past this it reads again from Postgres at its own pace."""

    hotlist_max_streams: Annotated[int, Field(ge=1)] = 500
    """Open alert streams of this process."""

    hotlist_reserved_streams: Annotated[int, Field(ge=0)] = 100
    """Of those, so many are kept for accounts that have none open here."""

    hotlist_account_streams: Annotated[int, Field(ge=1)] = 5
    """Open streams of one account in this process; one more ends its oldest."""

    hotlist_max_upload_bytes: Annotated[int, Field(ge=1)] = 100_000_000
    hotlist_max_upload_rows: Annotated[int, Field(ge=1)] = 1_000_000

    hotlist_upload_stall_s: Annotated[float, Field(gt=0)] = 30.0
    """An upload that sends nothing for so long is given up; it holds a database connection."""

    hotlist_kept_snapshots: Annotated[int, Field(ge=1)] = 4
    """Uploads kept per list to roll back to, besides the one in force."""

    @property
    def id_vault(self) -> Vault:
        """What seals and opens the secrets of months."""
        others = [key_bytes(key) for key in keys_of(self.hotlist_other_id_keys)]
        return Vault(key_bytes(self.hotlist_id_key), others)
