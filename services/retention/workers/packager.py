"""Builds the packages of approved requests one after another, outside the hot path."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.actions.gathering import Contents, Cutting, gather_records
from services.retention.actions.packaging import Cover, make_package
from services.retention.actions.signer import SigningKeys
from services.retention.domain.criteria import Criteria, check_release
from services.retention.domain.hit_history import HITS
from services.retention.domain.problem_codes import Code
from services.retention.store.packages import Built, Order, Packages, Released
from services.retention.workers.evidence import fault_of
from shared.access.grant import Grant
from shared.access.system_grant import system_grant
from shared.core.errors import AlprError, Conflict, Unavailable
from shared.core.permissions import Permission
from shared.core.policy import Narrowness
from shared.events import PurposeRecord, ReleaseApproved, ReleaseFailed, ReleasePackaged
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

WAITING = Gauge("alpr_packages_waiting", "Approved requests whose package is not built yet")

MAX_PAUSE = timedelta(minutes=10)
MAX_ATTEMPTS = 20
"""Tries that a software fault may fail, over about two hours, before the order fails for good."""


class Packager:
    """One worker; several may run, each on its own requests."""

    def __init__(self, runtime: ApiRuntime, keys: SigningKeys) -> None:
        self._runtime = runtime
        self._keys = keys

    async def work(self) -> None:
        """Build every waiting package. After an error a package waits longer each time, or fails for good."""
        while await self._one():
            pass
        async with self._runtime.db.begin() as connection:
            WAITING.set(await Packages(connection).waiting())

    async def _one(self) -> bool:
        """Build one package; False if none waits. The claim ends with the transaction, after a crash too."""
        now = self._runtime.clock.now()
        failed: tuple[Order, Exception] | None = None
        async with self._runtime.db.begin() as connection:
            order = await Packages(connection).claim(now)
            if order is None:
                return False
            try:
                built = await self._build(connection, order, now)
            except Exception as exc:  # noqa: BLE001 - no error may block the other orders
                failed = (order, exc)
            else:
                await Packages(connection).built(order.approval.request_id, built, now)
                await emit(connection, self._runtime.service, _packaged(order.approval, built, now))
        if failed is not None:
            await self._not_built(*failed, now=now)
        return True

    async def _build(self, connection: AsyncConnection, order: Order, now: datetime) -> Built:
        """Build the package of a request in the object store, without announcing it.

        Raises: Conflict if the approval has expired; InvalidInput if its criteria are invalid.
        Both precede the record of the access attempt, because no record is read.
        """
        approval = order.approval
        if approval.expires_at <= now:
            raise Conflict(Code.PACKAGE_APPROVAL_EXPIRED)
        criteria = criteria_of(approval, self._runtime.policy.narrowness)
        grant = await self._grant(order, criteria)
        if order.attempt_id is None:
            await Packages(connection).attempted(approval.request_id, grant.attempt_id)
        return await make_package(
            _cover(approval, self._cutting(approval)),
            f"packages/{approval.request_id}.zip",
            lambda folder: self._gather(approval, criteria, grant, folder),
            runtime=self._runtime,
            signer=await self._keys.in_force(connection),
        )

    async def _grant(self, order: Order, criteria: Criteria) -> Grant:
        """Return a grant on the requester's behalf; all tries share one access attempt."""
        approval = order.approval
        return await system_grant(
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
            attempt_id=order.attempt_id,
        )

    async def _gather(
        self, approval: ReleaseApproved, criteria: Criteria, grant: Grant, folder: Path
    ) -> Contents:
        """Write the records to files, and disclose every row."""
        async with self._runtime.db.begin() as connection:
            released = Released(connection, grant, criteria, sources=approval.list_sources)
            cutting = self._cutting(approval)
            contents = await gather_records(
                released, folder, images=approval.criteria.include_images, cutting=cutting
            )
        for capture_id in sorted(cutting.originals.difference(contents.originals)):
            reason = "named in the decision, but not a picture of this request"
            contents.omitted.append((f"originals/{capture_id}", reason))
        return contents

    def _cutting(self, approval: ReleaseApproved) -> Cutting:
        margin_widths = self._runtime.policy.sharing.frame_margin_widths
        return Cutting(margin_widths, frozenset(approval.originals))

    async def _not_built(self, order: Order, exc: Exception, *, now: datetime) -> None:
        """Schedule a retry; or fail the order if the error is final."""
        request_id, fault = order.approval.request_id, fault_of(exc)
        if is_final(exc, order.attempts + 1):
            log.error("package of %s failed for good: %s", request_id, fault)
            async with self._runtime.db.begin() as connection:
                if await Packages(connection).failed(request_id, at=now, fault=fault):
                    event = ReleaseFailed(occurred_at=now, request_id=request_id, reason=fault)
                    await emit(connection, self._runtime.service, event)
            return
        pause = min(timedelta(seconds=2 ** min(order.attempts, 10)), MAX_PAUSE)
        log.warning("package of %s waits: %s; again in %s", request_id, fault, pause)
        async with self._runtime.db.begin() as connection:
            await Packages(connection).again(request_id, again=now + pause, fault=fault)


def is_final(exc: Exception, attempts: int) -> bool:
    """Return whether a retry cannot help: a rule refused, or a software fault failed the last of `attempts` tries.

    Unavailable is never final: the order waits until the approval expires.
    """
    if isinstance(exc, Unavailable):
        return False
    return isinstance(exc, AlprError) or attempts >= MAX_ATTEMPTS


def _packaged(approval: ReleaseApproved, built: Built, now: datetime) -> ReleasePackaged:
    return ReleasePackaged(
        occurred_at=now,
        request_id=approval.request_id,
        package_key=built.key,
        sha256=built.sha256,
        size_bytes=built.size_bytes,
        reads=built.reads,
        images=built.images,
        omitted=built.omitted,
        manifest_signed_by=built.signed_by,
    )


def criteria_of(approval: ReleaseApproved, rule: Narrowness) -> Criteria:
    """Return exactly the criteria of an approved request.

    Raises: InvalidInput if they are invalid or wider than a release may be.
    """
    asked = approval.criteria
    criteria = Criteria(
        plate=asked.plate,
        captured_from=asked.captured_from,
        captured_to=asked.captured_to,
        device_ids=tuple(asked.device_ids),
    )
    check_release(criteria, rule)
    return criteria


def _cover(approval: ReleaseApproved, cutting: Cutting) -> Cover:
    return Cover(
        name=f"alpr-release-{approval.request_id}",
        moment=approval.occurred_at,
        file="request.json",
        content=_request(approval)
        | {"pictures": _pictures(cutting), "list_sources": list(approval.list_sources)},
        identifier=str(approval.request_id),
        title=f"ALPR records released to {approval.agency_name}",
        tables=("records.jsonl", "records.csv", *([HITS] if approval.list_sources else [])),
        description=f"ALPR records released to {approval.agency_name} on its written request",
    )


def _pictures(cutting: Cutting) -> dict[str, Any]:
    """Return the package's description of its pictures."""
    return {
        "cut": "outside the part around the released plates every pixel is of one flat colour",
        "margin_plate_widths": cutting.margin_widths,
        "originals": [str(capture_id) for capture_id in sorted(cutting.originals)],
    }


def _request(approval: ReleaseApproved) -> dict[str, Any]:
    """Return the package's description of its request: requester, approver and purpose."""
    return {
        "request_id": str(approval.request_id),
        "agency": {"name": approval.agency_name, "ori": approval.agency_ori},
        "requester": {
            "name": approval.requester_name or approval.requester.name,
            "title": approval.requester_title or approval.requester.title,
        },
        "purpose": approval.purpose,
        "case_number": approval.case_number,
        "offence_type": approval.offence_type,
        "criteria": msgspec.to_builtins(approval.criteria),
        "approved_by": {"name": approval.actor.name, "title": approval.actor.title},
        "approved_at": approval.occurred_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
    }
