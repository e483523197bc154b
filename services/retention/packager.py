"""Builds the packages of approved requests, one after another, apart from the hot path."""

import hashlib
import logging
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import Gauge

from services.retention.domain.signing import Signer
from services.retention.packaging import Contents, criteria_of, gather_records, write_bag
from services.retention.store import packages
from services.retention.store.packages import Built, Released
from shared.access import Permission, system_grant
from shared.errors import AlprError
from shared.events import PurposeRecord, ReleaseApproved, ReleasePackaged
from shared.outbox import emit
from shared.runtime import Runtime

log = logging.getLogger(__name__)

WAITING = Gauge("alpr_packages_waiting", "Approved requests whose package is not built yet")

MAX_PAUSE = timedelta(minutes=10)


class Packager:
    """One worker; others beside it take other requests."""

    def __init__(self, runtime: Runtime, signer: Signer) -> None:
        self._runtime = runtime
        self._signer = signer

    async def work(self) -> None:
        """Build every package that waits. One that fails waits longer each time."""
        while await self._one():
            pass
        async with self._runtime.db.begin() as connection:
            WAITING.set(await packages.waiting(connection))

    async def _one(self) -> bool:
        """Build one package; False when none waits. The claim ends with the transaction, crash or not."""
        now = self._runtime.clock.now()
        failed: tuple[ReleaseApproved, int, Exception] | None = None
        async with self._runtime.db.begin() as connection:
            claimed = await packages.claim(connection, now)
            if claimed is None:
                return False
            approval, attempts = claimed
            try:
                built = await self._build(approval)
            except Exception as exc:  # noqa: BLE001 - whatever it is, others must not wait for it
                failed = (approval, attempts, exc)
            else:
                await packages.built(connection, approval.request_id, built, now)
                await emit(connection, self._runtime.service, _packaged(approval, built, now))
        if failed is not None:
            await self._again_later(*failed, now=now)
        return True

    async def _build(self, approval: ReleaseApproved) -> Built:
        """Return the package of a request, put into the object store and not yet announced."""
        with tempfile.TemporaryDirectory(prefix="alpr-package-") as name:
            folder = Path(name)
            contents = await self._gather(approval, folder)
            path = folder / "package.zip"
            await write_bag(
                path,
                contents,
                approval,
                objects=self._runtime.objects,
                signer=self._signer,
                department=self._runtime.policy.department,
                now=self._runtime.clock.now(),
            )
            key = f"packages/{approval.request_id}.zip"
            await self._runtime.objects.put_file(key, path)
            return Built(
                key=key,
                sha256=_sha256(path),
                size_bytes=path.stat().st_size,
                reads=contents.reads,
                images=contents.images,
                signed_by=self._signer.key_id,
            )

    async def _gather(self, approval: ReleaseApproved, folder: Path) -> Contents:
        """Read the records on the requester's behalf: the attempt first, every row disclosed."""
        criteria = criteria_of(approval)
        grant = await system_grant(
            self._runtime,
            Permission.RELEASE_DOWNLOAD,
            on_behalf_of=approval.requester,
            purpose=PurposeRecord(
                kind="release",
                offence_type=approval.offence_type,
                case_number=approval.case_number,
                justification=approval.purpose,
            ),
            elements={"request_id": str(approval.request_id), **criteria.as_json()},
            work="package of an approved release",
        )
        async with self._runtime.db.begin() as connection:
            released = Released(connection, grant, criteria)
            return await gather_records(released, folder, images=approval.criteria.include_images)

    async def _again_later(
        self, approval: ReleaseApproved, attempts: int, exc: Exception, *, now: datetime
    ) -> None:
        pause = min(timedelta(seconds=2 ** min(attempts, 10)), MAX_PAUSE)
        fault = exc.detail if isinstance(exc, AlprError) else type(exc).__name__
        log.error("package of %s failed: %s; again in %s", approval.request_id, fault, pause)
        async with self._runtime.db.begin() as connection:
            await packages.failed(connection, approval.request_id, again=now + pause, fault=fault)


def _packaged(approval: ReleaseApproved, built: Built, now: datetime) -> ReleasePackaged:
    return ReleasePackaged(
        occurred_at=now,
        request_id=approval.request_id,
        package_key=built.key,
        sha256=built.sha256,
        size_bytes=built.size_bytes,
        reads=built.reads,
        images=built.images,
        manifest_signed_by=built.signed_by,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
