"""The device registry, for people who hold `device:manage` or `device:read`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.ingest.actions import registry
from services.ingest.api.fields import DeviceChangesIn, DeviceIn, ReasonIn, RotationIn
from services.ingest.api.views import DeviceOut, IssuedCredentialOut
from services.ingest.domain.problem_codes import Code
from services.ingest.service import Running
from services.ingest.store.devices import Devices
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotFound
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.models import After, Page, key_of

router = APIRouter(prefix="/v1/devices", tags=["devices"])

MAX_PAGE = 1000

DeviceManage = Annotated[Grant, access(Permission.DEVICE_MANAGE)]
DeviceRead = Annotated[Grant, access(Permission.DEVICE_READ)]


@router.post("", status_code=201)
async def register_device(
    body: DeviceIn, grant: DeviceManage, ingest: Running
) -> IssuedCredentialOut:
    """Register a device; the response contains its credential, which is never shown again."""
    new, rules = body.device(), ingest.runtime.policy.devices
    async with ingest.changing() as work:
        issued = await registry.register(work, grant, new, ingest.settings, rules)
    return IssuedCredentialOut.of(issued)


@router.get("")
async def list_devices(
    grant: DeviceRead,
    work: Work,
    after: After | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Page[DeviceOut]:
    """List devices by name, with the time at which each was last seen."""
    found = await Devices(work.connection).page(after=key_of(after, str) or "", limit=limit)
    last = found[-1].name if len(found) == limit else None
    return Page.of([DeviceOut.of(device) for device in found], last=last)


@router.get("/{device_id}")
async def get_device(device_id: UUID, grant: DeviceRead, work: Work) -> DeviceOut:
    """Show one device."""
    device = await Devices(work.connection).get(device_id)
    if device is None:
        raise NotFound(Code.DEVICE_UNKNOWN)
    return DeviceOut.of(device)


@router.patch("/{device_id}")
async def update_device(
    device_id: UUID, body: DeviceChangesIn, grant: DeviceManage, ingest: Running
) -> DeviceOut:
    """Change a device's name, place, rates, or how long it may keep captures back."""
    changes, rules = body.changes(), ingest.runtime.policy.devices
    async with ingest.changing() as work:
        changed = await registry.change(work, grant, device_id, changes, rules)
    return DeviceOut.of(changed)


@router.post("/{device_id}/credential")
async def rotate_credential(
    device_id: UUID, body: RotationIn, grant: DeviceManage, ingest: Running
) -> IssuedCredentialOut:
    """Issue a new credential; the old one ends at once, or after the requested overlap."""
    async with ingest.changing() as work:
        issued = await registry.rotate(work, grant, device_id, body.overlap())
    return IssuedCredentialOut.of(issued)


@router.post("/{device_id}/revocation")
async def revoke_device(
    device_id: UUID, body: ReasonIn, grant: DeviceManage, ingest: Running
) -> DeviceOut:
    """Refuse all requests of this device from now on."""
    async with ingest.changing() as work:
        revoked = await registry.revoke(work, grant, device_id, body.reason)
    return DeviceOut.of(revoked)


@router.post("/{device_id}/reinstatement")
async def reinstate_device(
    device_id: UUID, body: ReasonIn, grant: DeviceManage, ingest: Running
) -> IssuedCredentialOut:
    """Reinstate a revoked device with a new credential; the old one stays invalid."""
    async with ingest.changing() as work:
        issued = await registry.reinstate(work, grant, device_id, body.reason)
    return IssuedCredentialOut.of(issued)
