"""The device registry, for people who hold `device:manage` or `device:read`."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.ingest.actions.registry import Issued, Registry
from services.ingest.domain.devices import Device, Kind, Status
from services.ingest.service import IngestService
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import ValueRefused
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import Place
from shared.http.models import After, Page, Reason, RequestBody, key_of
from shared.service.running import service_of

router = APIRouter(prefix="/v1/devices", tags=["devices"])

MAX_OVERLAP_MINUTES = 24 * 60
MAX_PAGE = 1000
MAX_BUFFER_H = 366 * 24


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueRefused(Common.TEXT_UNPRINTABLE)
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_printable)]
Name = Annotated[Line, Field(min_length=1, max_length=80, examples=["Main St at 3rd, northbound"])]
Hours = Annotated[float, Field(ge=0, le=MAX_BUFFER_H, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class PlaceModel(RequestBody):
    """Position of a fixed camera: WGS 84 degrees, heading clockwise from north."""

    model_config = ConfigDict(from_attributes=True)

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, examples=[39.9277])]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, examples=[-122.1792])]
    heading_deg: Annotated[float | None, Field(ge=0, lt=360, examples=[90])] = None

    def place(self) -> Place:
        """Return it in the format of events."""
        return Place(self.latitude, self.longitude, self.heading_deg)


class NewDevice(RequestBody):
    """A device to register; a missing rate defaults to the setting."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: Name
    kind: Kind
    place: PlaceModel | None = None
    frames_per_s: Rate | None = None
    reads_per_s: Rate | None = None
    may_buffer_h: Hours | None = None
    """How many hours it may keep captures back; later ones are late. Default: the most that the policy allows its
    kind."""


class DeviceChanges(RequestBody):
    """The fields to change; fields left out stay unchanged."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: Name | None = None
    place: PlaceModel | None = None
    frames_per_s: Rate | None = None
    reads_per_s: Rate | None = None
    may_buffer_h: Hours | None = None


class DeviceView(BaseModel):
    """A device in its current state."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    device_id: UUID
    name: str
    kind: Kind
    place: PlaceModel | None
    frames_per_s: float
    reads_per_s: float
    may_buffer_h: float
    """How many hours it may keep captures back; if the policy allows its kind less, that applies."""
    status: Status
    registered_at: datetime
    last_seen_at: datetime | None
    """When it last sent data; updated every few seconds."""

    @classmethod
    def of(cls, device: Device) -> "DeviceView":
        """Build the view of `device`, without its credentials."""
        return cls.model_validate(device)


class IssuedCredential(BaseModel):
    """A device with its new credential, which is shown only once and stored nowhere."""

    device: DeviceView
    credential: Annotated[
        str,
        Field(
            description="`<device id>.<secret>`, for Authorization: Bearer; or the two as Basic.",
            examples=[
                "7d7f0a3e-6a60-4a0c-9f43-0f6f1d1f3c55.PMkTCyJ0qPazLQ7_s3cr3t_example_only_00"
            ],
        ),
    ]

    @classmethod
    def of(cls, issued: Issued) -> "IssuedCredential":
        """Build the view that is shown once."""
        return cls(device=DeviceView.of(issued.device), credential=issued.credential)


class Rotation(RequestBody):
    """How to replace a credential."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    overlap_minutes: Annotated[float, Field(ge=0, le=MAX_OVERLAP_MINUTES, examples=[10])] = 0
    """How long the old one stays valid; 0 ends it at once."""


class Because(RequestBody):
    """The reason; the audit log records it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "unit 12 was stolen"}]})

    reason: Reason


DeviceManage = Annotated[Grant, access(Permission.DEVICE_MANAGE)]
DeviceRead = Annotated[Grant, access(Permission.DEVICE_READ)]


def registry_of(request: Request, grant: Grant) -> Registry:
    """Return the device registry of the app that serves `request`, for one grant."""
    ingest = service_of(request.app, IngestService)
    return Registry(ingest.runtime, ingest.cache.put, grant)


@router.post("", status_code=201)
async def register_device(
    request: Request, new: NewDevice, grant: DeviceManage
) -> IssuedCredential:
    """Register a device; the response contains its credential, which is never shown again."""
    ingest = service_of(request.app, IngestService)
    issued = await registry_of(request, grant).register(
        new.name,
        new.kind,
        new.place.place() if new.place else None,
        frames_per_s=new.frames_per_s or ingest.settings.ingest_frames_per_s,
        reads_per_s=new.reads_per_s or ingest.settings.ingest_reads_per_s,
        may_buffer_h=new.may_buffer_h,
    )
    return IssuedCredential.of(issued)


@router.get("")
async def list_devices(
    request: Request,
    grant: DeviceRead,
    after: After | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Page[DeviceView]:
    """List devices by name, with the time at which each was last seen."""
    found = await registry_of(request, grant).page(after=key_of(after, str) or "", limit=limit)
    last = found[-1].name if len(found) == limit else None
    return Page.of([DeviceView.of(device) for device in found], last=last)


@router.get("/{device_id}")
async def get_device(request: Request, device_id: UUID, grant: DeviceRead) -> DeviceView:
    """Show one device."""
    return DeviceView.of(await registry_of(request, grant).get(device_id))


@router.patch("/{device_id}")
async def update_device(
    request: Request, device_id: UUID, changes: DeviceChanges, grant: DeviceManage
) -> DeviceView:
    """Change a device's name, place, rates, or how long it may keep captures back."""
    fields: dict[str, Any] = {
        name: value
        for name in changes.model_fields_set
        if (value := getattr(changes, name)) is not None
    }
    if changes.place is not None:
        fields["place"] = changes.place.place()
    return DeviceView.of(await registry_of(request, grant).update(device_id, **fields))


@router.post("/{device_id}/credential", status_code=201)
async def rotate_credential(
    request: Request, device_id: UUID, rotation: Rotation, grant: DeviceManage
) -> IssuedCredential:
    """Issue a new credential; the old one ends at once, or after the requested overlap."""
    overlap = timedelta(minutes=rotation.overlap_minutes)
    return IssuedCredential.of(await registry_of(request, grant).rotate(device_id, overlap=overlap))


@router.post("/{device_id}/revocation")
async def revoke_device(
    request: Request, device_id: UUID, because: Because, grant: DeviceManage
) -> DeviceView:
    """Refuse all requests of this device from now on."""
    registry = registry_of(request, grant)
    return DeviceView.of(await registry.revoke(device_id, reason=because.reason))


@router.post("/{device_id}/reinstatement", status_code=201)
async def reinstate_device(
    request: Request, device_id: UUID, because: Because, grant: DeviceManage
) -> IssuedCredential:
    """Reinstate a revoked device with a new credential; the old one stays invalid."""
    registry = registry_of(request, grant)
    return IssuedCredential.of(await registry.reinstate(device_id, reason=because.reason))
