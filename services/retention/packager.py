"""Builds the packages of approved requests, one after another, apart from the hot path."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import Gauge

from services.retention.domain.criteria import Criteria
from services.retention.domain.signing import Signer
from services.retention.packaging import Contents, Cover, gather_records, make_package
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
        return await make_package(
            _cover(approval),
            f"packages/{approval.request_id}.zip",
            lambda folder: self._gather(approval, folder),
            runtime=self._runtime,
            signer=self._signer,
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


def criteria_of(approval: ReleaseApproved) -> Criteria:
    """Return the criteria of an approved request: exactly these, and nothing beside."""
    asked = approval.criteria
    return Criteria(
        plate=asked.plate,
        captured_from=asked.captured_from,
        captured_to=asked.captured_to,
        device_ids=tuple(asked.device_ids),
    )


def _cover(approval: ReleaseApproved) -> Cover:
    return Cover(
        name=f"alpr-release-{approval.request_id}",
        moment=approval.occurred_at,
        file="request.json",
        content=_request(approval),
        identifier=str(approval.request_id),
        description=f"ALPR records released to {approval.agency_name} on its written request",
    )


def _request(approval: ReleaseApproved) -> dict[str, Any]:
    """Return what the package says of its request: who asked, who approved, and for what."""
    return {
        "request_id": str(approval.request_id),
        "agency": {"name": approval.agency_name, "ori": approval.agency_ori},
        "requester": {"name": approval.requester.name, "title": approval.requester.title},
        "purpose": approval.purpose,
        "case_number": approval.case_number,
        "offence_type": approval.offence_type,
        "criteria": msgspec.to_builtins(approval.criteria),
        "approved_by": {"name": approval.actor.name, "title": approval.actor.title},
        "approved_at": approval.occurred_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
    }
