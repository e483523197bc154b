"""Hotlist's settings, read from its environment; built once, in main."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from shared.core.fields import SecretKey, SecretKeys, key_bytes, keys_of
from shared.core.links import Given
from shared.core.vault import Vault
from shared.mail.server import server_of
from shared.notices.receivers import Addresses, check_recipient, encrypted
from shared.objects.settings import ObjectSettings
from shared.postgres.settings import DatabaseSettings
from shared.service.settings import ApiSettings, CaptureSettings


class NoticeSettings(DatabaseSettings):
    """The settings to announce urgent alerts to the department (ADR-0143)."""

    hotlist_console_url: str = ""
    """The console's address, to whose pages of hits announcements link; empty for no link."""

    hotlist_notice_url: str = ""
    """The address that gets urgent alerts by HTTP POST: a webhook of dispatch or of a pager. https, or this machine."""

    hotlist_notice_token: Annotated[SecretStr | None, Given] = None
    """Sent as `Authorization: Bearer` with each POST."""

    hotlist_notice_secret: SecretKeys = SecretStr("")
    """Base64 of 32 random bytes, which the receiver has too: signs each POST (Standard Webhooks). While it changes, the
    coming and the former one, separated by a space: each POST then has both signatures."""

    hotlist_mail_url: SecretStr = SecretStr("")
    """The server that mails urgent alerts: smtps://user:password@host, or smtp+starttls://; empty for no mail."""

    hotlist_mail_from: str = ""
    """The sender address of those mails."""

    hotlist_mail_to: str = ""
    """Their recipient: one address, such as a pager's."""

    hotlist_notice_hours: Annotated[float, Field(gt=0)] = 2.0
    """An announcement that its receiver has not accepted for so long after the first attempt becomes a dead letter."""

    _encrypted = field_validator("hotlist_console_url", "hotlist_notice_url")(encrypted)

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        """Refuse a mail server without TLS, sender or recipient."""
        check_recipient("HOTLIST", self.notice_addresses)
        return self

    @property
    def notice_addresses(self) -> Addresses:
        """Where announcements go."""
        return Addresses(
            self.hotlist_notice_url,
            self.hotlist_notice_token,
            [key_bytes(key) for key in keys_of(self.hotlist_notice_secret)],
            server_of("HOTLIST", self.hotlist_mail_url, self.hotlist_mail_from),
            self.hotlist_mail_to,
        )


class Settings(NoticeSettings, ApiSettings, ObjectSettings, CaptureSettings):
    """Common settings, and hotlist's own (`HOTLIST_…`)."""

    hotlist_id_key: SecretKey
    """Base64 of 32 random bytes. Seals the secrets of months under which ids of hits are keyed (ADR-0026)."""

    hotlist_other_id_keys: SecretKeys = SecretStr("")
    """Older keys separated by spaces: they open existing secrets, which are sealed again with `hotlist_id_key`."""

    hotlist_poll_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Seconds between polls for other replicas' changes, in case a Postgres notice is missed."""

    hotlist_heartbeat_s: Annotated[float, Field(gt=0, le=60)] = 4.0
    """Seconds of silence after which an alert stream sends a heartbeat and checks its token again. The console's page
    calls a link dead after 12 s without one."""

    hotlist_answer_within_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """Seconds within which a person must acknowledge an urgent alert, before open pages announce it once more."""

    hotlist_finish_within_s: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    """Seconds after a person acknowledged an urgent alert within which someone must verify it or record what came of
    it, before open pages announce it once more."""

    hotlist_stream_buffer: Annotated[int, Field(ge=1)] = 256
    """Alerts buffered for one slow client; past this the stream reads from Postgres at the client's pace."""

    hotlist_max_streams: Annotated[int, Field(ge=1)] = 500
    """The most open alert streams of this process."""

    hotlist_reserved_streams: Annotated[int, Field(ge=0)] = 100
    """The streams of these that are reserved for accounts with no open stream here."""

    hotlist_account_streams: Annotated[int, Field(ge=1)] = 5
    """The most open streams of one account in this process; one more ends its oldest."""

    hotlist_max_upload_bytes: Annotated[int, Field(ge=1)] = 100_000_000
    hotlist_max_upload_rows: Annotated[int, Field(ge=1)] = 1_000_000

    hotlist_upload_stall_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds without data after which an upload is aborted; it holds a database connection."""

    hotlist_upload_bytes_per_s: Annotated[float, Field(gt=0)] = 10_000.0
    """The least rate of an upload, measured from that time on over all that hotlist waited for its bytes."""

    hotlist_kept_snapshots: Annotated[int, Field(ge=1)] = 4
    """The latest uploads per list whose entries are kept for a rollback; the one in force is always kept."""

    @property
    def id_vault(self) -> Vault:
        """The vault that seals and opens the secrets of months."""
        others = [key_bytes(key) for key in keys_of(self.hotlist_other_id_keys)]
        return Vault(key_bytes(self.hotlist_id_key), others)
