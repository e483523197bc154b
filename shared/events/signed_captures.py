"""Captures signed by ingest, once a frame; services that store or match its reads verify them.

Recognition decodes hostile images, so other services trust it for the text read only: device, time, place and
keys of images come from the text that ingest signed (ADR-0020).
"""

from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from prometheus_client import Counter

from shared.core.certificates import CertificateRefused, Signer, Trust
from shared.core.clock import Clock
from shared.core.errors import InternalFault
from shared.core.ids import derive_id, derive_with_time_of
from shared.events import (
    CaptureProcessed,
    CaptureReceived,
    Read,
    ReadsRecognised,
    ReadsRecorded,
    RecognisedRead,
    SignedCapture,
)
from shared.events.read_rules import check_capture, check_reads

REFUSED = Counter(
    "alpr_captures_refused",
    "Reads and outcomes whose capture is unsigned, forged or another",
    ["event"],
)

REMEMBERED = 4096
"""The most verified captures cached: a frame has several reads and an outcome, and is verified once."""

_DOMAIN = b"plateward capture v1\n"
_body = msgspec.json.Encoder(order="sorted")
_capture = msgspec.json.Decoder(CaptureReceived)


class CaptureRefused(InternalFault):
    """The capture of a read or outcome is not signed by ingest, or differs from the signed text."""

    title = "The capture is not as ingest signed it"


def message(body: str) -> bytes:
    """Return the signed bytes; the domain prefix prevents signatures of other texts from counting for captures."""
    return _DOMAIN + body.encode()


def sign(capture: CaptureReceived, signer: Signer) -> CaptureReceived:
    """Return the capture with its proof: one Ed25519 signature, about 50 µs."""
    body = written(capture)
    signature = b64encode(signer.sign(message(body))).decode()
    return msgspec.structs.replace(capture, signed=SignedCapture(body, signature, signer.text))


def written(capture: CaptureReceived) -> str:
    """Return a capture as canonical JSON: fields in order of their names, without `signed`."""
    return _body.encode(msgspec.structs.replace(capture, signed=None)).decode()


def of(capture: CaptureReceived) -> SignedCapture:
    """Return the signed capture that recognition passes on; its signature is empty for captures older than signing."""
    return capture.signed or SignedCapture(written(capture), "", "")


def read_id_of(capture_id: UUID, number: int) -> UUID:
    """Return the id of a capture's read number `number`, from 0; it begins with the capture's moment."""
    return derive_with_time_of(capture_id, "read", capture_id, number)


def is_read_of(read_id: UUID, capture_id: UUID, number: int) -> bool:
    """Whether an id is that of a capture's read number `number`.

    Accepts ids from before they had a moment (ADR-0056): Kafka may still have such events.
    """
    return read_id == read_id_of(capture_id, number) or read_id == derive_id(
        "read", capture_id, number
    )


def crop_key_of(capture: CaptureReceived, read_id: UUID) -> str:
    """Return the object key of a read's crop, derived from its capture."""
    return crop_key_at(capture.device_id, capture.captured_at, read_id)


def crop_key_at(device_id: UUID, captured_at: datetime, read_id: UUID) -> str:
    """Return the object key of the crop of a read that a device made at that time."""
    return f"crops/{device_id}/{captured_at:%Y/%m/%d}/{read_id}.jpg"


class CaptureProofs:
    """Verifies the captures of reads and outcomes by the roots that this process trusts."""

    def __init__(
        self, trust: Trust, clock: Clock, *, unsigned_until: datetime | None = None
    ) -> None:
        """`unsigned_until`: the end of an upgrade, before which captures without a signature are accepted."""
        self._trust = trust
        self._clock = clock
        self._unsigned_until = unsigned_until
        self._verified: OrderedDict[SignedCapture, CaptureReceived] = OrderedDict()

    def reads(self, events: Sequence[ReadsRecognised]) -> list[Read]:
        """Return reads to store and match, with all data of their capture from the text that ingest signed.

        Raises: CaptureRefused for the first whose capture is unsigned or forged, or that contradicts it;
        InvalidInput for the first that cannot be stored (`shared.events.read_rules`).
        """
        return self._checked([read for event in events for read in self._reads(event)])

    def outcomes(self, events: Sequence[CaptureProcessed]) -> list[CaptureProcessed]:
        """Return outcomes with the capture that ingest signed. Raises: CaptureRefused, InvalidInput."""
        now = self._clock.now()
        outcomes = [self._outcome(event) for event in events]
        for outcome in outcomes:
            check_capture(outcome.capture, now)
        return outcomes

    def edge(self, events: Sequence[ReadsRecorded]) -> list[Read]:
        """Return reads that cameras made.

        Raises: CaptureRefused for reads by recognition; InvalidInput for one that cannot be stored. Before ADR-0020
        recognition published such reads, so they are accepted during an upgrade.
        """
        if any(event.source != "edge" for event in events) and not self._accepts_unsigned():
            REFUSED.labels("read.recorded").inc()
            raise CaptureRefused("a read of a frame needs its signed capture")
        return self._checked([read for event in events for read in event.each()])

    def _checked(self, reads: list[Read]) -> list[Read]:
        check_reads(reads, self._clock.now())
        return reads

    def _reads(self, event: ReadsRecognised) -> list[Read]:
        capture = self._capture(event.capture, "read.recognised")
        if event.capture_id != capture.capture_id or event.device_id not in (
            None,
            capture.device_id,
        ):
            raise self._refused("the reads name another capture than their signed one")
        return [self._read(event, capture, read) for read in event.reads]

    def _read(self, event: ReadsRecognised, capture: CaptureReceived, read: RecognisedRead) -> Read:
        if not is_read_of(read.read_id, capture.capture_id, read.number):
            raise self._refused("the read has another id than its place in the capture gives")
        return Read(
            read_id=read.read_id,
            device_id=capture.device_id,
            device_name=capture.device_name,
            agency_ori=capture.agency_ori,
            captured_at=capture.captured_at,
            received_at=capture.received_at,
            source="recognition",
            plate=read.plate,
            plate_as_read=read.plate if read.plate_as_read is None else read.plate_as_read,
            confidence=read.confidence,
            model=event.engine,
            region=read.region,
            capture_id=capture.capture_id,
            place=capture.place,
            characters=read.characters,
            box=read.box,
            crop_key=crop_key_of(capture, read.read_id) if read.has_crop else None,
            image_key=capture.image.object_key,
            vehicle_make=read.vehicle_make,
            vehicle_model=read.vehicle_model,
            vehicle_colour=read.vehicle_colour,
            alternatives=read.alternatives,
            misread_risk=read.misread_risk,
            late=capture.late,
        )

    def _refused(self, why: str) -> CaptureRefused:
        REFUSED.labels("read.recognised").inc()
        return CaptureRefused(why)

    def _outcome(self, event: CaptureProcessed) -> CaptureProcessed:
        capture = self._capture(of(event.capture), "capture.processed")
        if written(event.capture) != written(capture):
            REFUSED.labels("capture.processed").inc()
            raise CaptureRefused("the outcome's capture differs from the one that ingest signed")
        return event

    def _capture(self, signed: SignedCapture, event: str) -> CaptureReceived:
        """Return the capture that ingest signed. Raises: CaptureRefused, after counting it."""
        known = self._verified.get(signed)
        if known is not None:
            return known
        try:
            capture = self._verify(signed)
        except CaptureRefused:
            REFUSED.labels(event).inc()
            raise
        if signed.signature:  # not cached if unsigned: its acceptance depends on the time
            self._verified[signed] = capture
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        return capture

    def _verify(self, signed: SignedCapture) -> CaptureReceived:
        if signed.signature or not self._accepts_unsigned():
            self._verify_signature(signed)
        try:
            return _capture.decode(signed.body)
        except (msgspec.DecodeError, UnicodeError) as exc:
            raise CaptureRefused("the signed text is not a capture") from exc

    def _verify_signature(self, signed: SignedCapture) -> None:
        if not signed.signature:
            raise CaptureRefused("the capture is not signed")
        try:
            self._trust.verify(
                signed.certificate,
                "captures",
                self._clock.now(),
                signature=b64decode(signed.signature, validate=True),
                message=message(signed.body),
            )
        except (CertificateRefused, ValueError) as exc:
            raise CaptureRefused("ingest did not sign the capture") from exc

    def _accepts_unsigned(self) -> bool:
        return self._unsigned_until is not None and self._clock.now() < self._unsigned_until
