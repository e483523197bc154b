"""The file of requests. It is append-only, but for the status of a request, which only moves forward."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.release.domain.problem_codes import Code
from services.release.domain.requests import OPEN, RequestStatus
from services.release.store.records import (
    Authority,
    Decision,
    Failure,
    Filed,
    Package,
    Receipt,
    Request,
    Withdrawal,
)
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.errors import InvalidInput
from shared.core.types import Ori
from shared.events import Actor, ReleaseCriteria

# Decisions, receipts, package, failure and withdrawal come as JSON, so that a page of requests is one query.
_SELECT = """
    SELECT r.*, d.sha256 AS document_sha256, to_jsonb(p) AS package, to_jsonb(f) AS failure,
        to_jsonb(w) AS withdrawal,
        (SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.decided_at), '[]')
           FROM decisions x WHERE x.request_id = r.request_id) AS decisions,
        (SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.received_at), '[]')
           FROM receipts x WHERE x.request_id = r.request_id) AS receipts
    FROM requests r
    LEFT JOIN documents d USING (document_id)
    LEFT JOIN packages p ON p.request_id = r.request_id
    LEFT JOIN failures f ON f.request_id = r.request_id
    LEFT JOIN withdrawals w ON w.request_id = r.request_id
"""
_FILE = text(
    """
    INSERT INTO requests (request_id, agency_ori, agency_name, agency_kind, agency_state, filed_by,
        filed_at, requester_name, requester_title, purpose, purpose_kind, case_number, offence_type,
        criteria, restricted, authority_reference, document_id, status)
    VALUES (:request_id, :agency_ori, :agency_name, :agency_kind, :agency_state,
        CAST(:filed_by AS jsonb), :filed_at, :requester_name, :requester_title, :purpose,
        :purpose_kind, :case_number, :offence_type, CAST(:criteria AS jsonb), :restricted,
        :authority_reference, :document_id, :status)
    ON CONFLICT (request_id) DO NOTHING
    """
)
_DECIDE = text(
    """
    INSERT INTO decisions (decision_id, request_id, decision, reason, citation, decided_by,
        decided_at, expires_at, originals, list_sources)
    VALUES (:decision_id, :request_id, :decision, :reason, :citation, CAST(:decided_by AS jsonb),
        :decided_at, :expires_at, :originals, :list_sources)
    """
)
_PACKAGE = text(
    """
    INSERT INTO packages (request_id, package_key, sha256, size_bytes, reads, images, omitted,
        manifest_signed_by, packaged_at)
    VALUES (:request_id, :package_key, :sha256, :size_bytes, :reads, :images, :omitted,
        :manifest_signed_by, :packaged_at)
    """
)
_FAIL = text(
    "INSERT INTO failures (request_id, reason, failed_at) VALUES (:request_id, :reason, :failed_at)"
)
_WITHDRAW = text(
    """
    INSERT INTO withdrawals (request_id, withdrawn_by, withdrawn_at, reason)
    VALUES (:request_id, CAST(:withdrawn_by AS jsonb), :withdrawn_at, :reason)
    """
)
_RECEIVE = text(
    """
    INSERT INTO receipts (receipt_id, request_id, received_by, received_at, sha256)
    VALUES (:receipt_id, :request_id, CAST(:received_by AS jsonb), :received_at, :sha256)
    """
)
_DUE = text(
    """
    SELECT r.request_id, p.package_key FROM requests r
    JOIN packages p USING (request_id) JOIN decisions d USING (request_id)
    WHERE r.status = 'packaged' AND d.expires_at <= :now
    LIMIT 100 FOR UPDATE OF r SKIP LOCKED
    """
)


class Requests:
    """The only code that reads and writes the file. It records each disclosure of a request."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def file(self, filed: Filed, status: RequestStatus) -> bool:
        """Insert a request; False if one with its id is on file.

        Raises: InvalidInput if its document was destroyed since it was found.
        """
        row = {name: getattr(filed, name) for name in Filed.__dataclass_fields__}
        authority: Authority | None = row.pop("legal_authority")
        row |= {
            "filed_by": _json(filed.filed_by),
            "criteria": _json(filed.criteria),
            "authority_reference": authority.reference if authority else None,
            "document_id": authority.document_id if authority else None,
            "status": status.value,
        }
        try:
            return (await self._connection.execute(_FILE, row)).rowcount == 1
        except IntegrityError as exc:
            if "requests_document_id_fkey" not in str(exc.orig):
                raise
            raise InvalidInput(
                Code.DOCUMENT_OF_NO_UPLOAD, field="body.legal_authority.document_id"
            ) from None

    async def get(
        self, grant: Grant, request_id: UUID, *, agency: Ori | None = None
    ) -> Request | None:
        """Return one request (of `agency`, if given) and record its disclosure."""
        found = await self._find("r.request_id = :id", {"id": request_id})
        if not found or (agency is not None and found[0].agency_ori != agency):
            return None
        await self._disclose(grant, found)
        return found[0]

    async def page(
        self,
        grant: Grant,
        *,
        agency: Ori | None,
        status: RequestStatus | None,
        after: UUID | None,
        limit: int,
    ) -> list[Request]:
        """Return requests, newest first, filed before the one named `after`, and record their disclosure."""
        conditions = "(CAST(:agency AS text) IS NULL OR r.agency_ori = :agency)"
        conditions += " AND (CAST(:status AS text) IS NULL OR r.status = :status)"
        if after is not None:
            conditions += (
                " AND (r.filed_at, r.request_id) <"
                " (SELECT filed_at, request_id FROM requests WHERE request_id = :after)"
            )
        found = await self._find(
            conditions + " ORDER BY r.filed_at DESC, r.request_id DESC LIMIT :limit",
            {"agency": agency, "status": status, "after": after, "limit": limit},
        )
        await self._disclose(grant, found)
        return found

    async def waiting(self, grant: Grant) -> list[tuple[RequestStatus, int, datetime]]:
        """Return the number of requests that await a decision and the oldest filing time, by status.

        Counts and ages identify no request, so this records no disclosure.
        """
        found = await self._connection.execute(
            text(
                "SELECT status, count(*) AS waiting, min(filed_at) AS oldest_at FROM requests"
                " WHERE status = ANY(:states) GROUP BY status ORDER BY status"
            ),
            {"states": sorted(status.value for status in OPEN)},
        )
        return [(RequestStatus(row.status), row.waiting, row.oldest_at) for row in found]

    async def lock(self, request_id: UUID) -> Request | None:
        """Return one request, locked until the transaction ends, or None."""
        await self._connection.execute(
            text("SELECT 1 FROM requests WHERE request_id = :id FOR UPDATE"), {"id": request_id}
        )
        found = await self._find("r.request_id = :id", {"id": request_id})
        return found[0] if found else None

    async def move(self, request_id: UUID, status: RequestStatus) -> None:
        """Set the status of a request."""
        await self._connection.execute(
            text("UPDATE requests SET status = :status WHERE request_id = :id"),
            {"id": request_id, "status": status.value},
        )

    async def decide(self, request_id: UUID, decision: Decision) -> None:
        """Insert a decision."""
        row = msgspec.structs.asdict(decision) | {"decided_by": _json(decision.decided_by)}
        await self._connection.execute(_DECIDE, {**row, "request_id": request_id})

    async def package(self, request_id: UUID, package: Package) -> None:
        """Insert the package that retention built."""
        await self._connection.execute(
            _PACKAGE, {**msgspec.structs.asdict(package), "request_id": request_id}
        )

    async def fail(self, request_id: UUID, failure: Failure) -> None:
        """Insert the reason why retention could make no package."""
        await self._connection.execute(
            _FAIL, {**msgspec.structs.asdict(failure), "request_id": request_id}
        )

    async def withdraw(self, request_id: UUID, withdrawal: Withdrawal) -> None:
        """Set a request to withdrawn, and insert by whom and why."""
        row = msgspec.structs.asdict(withdrawal) | {"withdrawn_by": _json(withdrawal.withdrawn_by)}
        await self._connection.execute(_WITHDRAW, {**row, "request_id": request_id})
        await self.move(request_id, RequestStatus.WITHDRAWN)

    async def receive(self, request_id: UUID, receipt: Receipt) -> None:
        """Insert a receipt."""
        row = msgspec.structs.asdict(receipt) | {"received_by": _json(receipt.received_by)}
        await self._connection.execute(_RECEIVE, {**row, "request_id": request_id})

    async def due(self, now: datetime) -> list[tuple[UUID, str]]:
        """Return ids and package keys of up to 100 requests whose download has expired, locked."""
        found = await self._connection.execute(_DUE, {"now": now})
        return [(row.request_id, row.package_key) for row in found]

    async def _find(self, conditions: str, values: dict[str, Any]) -> list[Request]:
        found = await self._connection.execute(text(f"{_SELECT} WHERE {conditions}"), values)
        return [_request(dict(row)) for row in found.mappings()]

    async def _disclose(self, grant: Grant, found: Sequence[Request]) -> None:
        disclosed = [
            Disclosed(record_id=r.request_id, plates=filter(None, [r.criteria.plate]))
            for r in found
        ]
        await disclose(self._connection, grant, "release_request", disclosed)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _request(row: dict[str, Any]) -> Request:
    reference, document_id = row.pop("authority_reference"), row.pop("document_id")
    sha256 = row.pop("document_sha256")
    authority = Authority(reference, document_id, sha256) if reference is not None else None
    return Request(
        **row
        | {
            "filed_by": msgspec.convert(row["filed_by"], Actor),
            "criteria": msgspec.convert(row["criteria"], ReleaseCriteria),
            "status": RequestStatus(row["status"]),
            "legal_authority": authority,
            "decisions": msgspec.convert(row["decisions"], list[Decision]),
            "package": msgspec.convert(row["package"], Package | None),
            "failure": msgspec.convert(row["failure"], Failure | None),
            "withdrawal": msgspec.convert(row["withdrawal"], Withdrawal | None),
            "receipts": msgspec.convert(row["receipts"], list[Receipt]),
        }
    )
