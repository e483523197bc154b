"""Retention's settings from its environment."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.core.links import Given
from shared.objects.settings import ObjectSettings
from shared.postgres.settings import DatabaseLink
from shared.service.settings import ApiSettings, CaptureSettings


class Settings(ApiSettings, ObjectSettings, CaptureSettings):
    """Common settings and retention's own; built once, in main."""

    retention_signing_key: SecretStr | None = None
    """Ed25519 private key, PEM (PKCS#8): signs packages and certificates. Without one, a key is made at
    the first start and kept in this service's schema, which is for trying out only."""

    retention_next_signing_key: Annotated[SecretStr | None, Given] = None
    """The key after that one, while it changes: signs once `rotate-key` has put that on record. Give it to
    every replica before, and as RETENTION_SIGNING_KEY alone some time after."""

    retention_search_timeout_s: Annotated[float, Field(gt=0, le=60)] = 20
    """A statement of a search that takes longer is ended and the person asked to narrow the search."""

    retention_heavy_searches: Annotated[int, Field(ge=1, le=100)] = 2
    """The most searches at once in a process, of those that compare many reads; further ones wait for their turn.
    At most DATABASE_POOL_SIZE run."""

    retention_replica_url: Annotated[str | None, Given] = None
    """A read replica of DATABASE_URL's database, in the same form; a secret. Searches read from it while it has
    replayed every purge and hold. If unset, the primary answers them all."""

    retention_replica_most_behind_s: Annotated[float, Field(gt=0, le=600)] = 5
    """A read replica that is further behind the primary answers no search."""

    retention_crop_reader: Annotated[str | None, Given] = None
    """Command line of the program that reads crops for reports on accuracy, such as
    `python -m services.recognition.workers.crop_reader`, which needs recognition's packages. It gets the RECOGNITION_
    settings of this process, which must be recognition's. If unset, reports on accuracy are refused."""

    retention_work_every_s: Annotated[float, Field(gt=0)] = 15
    """How often packages, purges and deletions that wait are looked for, besides when they come."""

    retention_pass_gap_s: Annotated[float, Field(gt=0, le=60)] = 3
    """A pass ends once its vehicle was not read for this long, by the camera's clock."""

    retention_pass_longest_s: Annotated[float, Field(gt=0, le=600)] = 60
    """A vehicle that stays before a camera is another pass after this long."""

    retention_pass_settle_s: Annotated[float, Field(ge=0, le=3600)] = 6
    """Reads are voted on this long after they were stored, so that others of their time, which may
    come by another way and out of order, have come too. Alerts do not wait for it."""

    retention_pass_every_s: Annotated[float, Field(gt=0)] = 9
    """How often settled reads are voted on. Each turn reads some seconds of each busy device again."""

    retention_pass_processes: Annotated[int, Field(ge=1, le=16)] = 2
    """The most processes that vote, when more reads wait than one transaction takes (5,000). Each takes 130 MB and four
    connections to Postgres."""

    def replica_link(self) -> DatabaseLink | None:
        """Return the link of the read replica, or None if not set. Raises: ValueError."""
        if self.retention_replica_url is None:
            return None
        return self._link(self.retention_replica_url, "RETENTION_REPLICA_URL")

    def database_links(self) -> dict[str, DatabaseLink]:
        """Return the links to databases by the names of their settings. Raises: ValueError."""
        links = super().database_links()
        if (replica := self.replica_link()) is not None:
            links["RETENTION_REPLICA_URL"] = replica
        return links
