"""Hikvision's ANPR event (ISAPI `EventNotificationAlert`): a form of `anpr.xml` and pictures, or the XML alone."""

import re
from collections.abc import Sequence
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from services.ingest.actions.makers.posted import FormField, Maker, MakerRead, PassedOver, Posted
from services.ingest.actions.makers.translating import (
    document,
    identity,
    missing,
    number,
    pictures,
    place,
    plate_of,
    present,
    share,
    text,
    unread,
)
from services.ingest.domain.problem_codes import Code
from shared.core.errors import InvalidInput, Malformed

MAX_BYTES = 256 * 1024
"""Of the XML document; real ones have 3 kB."""

MAX_SPEED_KMH = 400
MAX_LANE = 99
_DIRECTIONS = {"forward": "approaching", "reverse": "receding"}
_NAMESPACE = re.compile(r"\{[^}]*\}")

EXAMPLE = """<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
<dateTime>2026-06-01T11:59:58-07:00</dateTime><eventType>ANPR</eventType><eventState>active</eventState>
<ANPR><licensePlate>7ABC123</licensePlate><originalLicensePlate>7ABC123</originalLicensePlate>
<confidenceLevel>94</confidenceLevel><plateCharBelieve>99,94,97,96,99,98,97</plateCharBelieve>
<direction>forward</direction><line>1</line><vehicleInfo><color>white</color><speed>48</speed></vehicleInfo></ANPR>
<UUID>8d4f6a1c-0b7e-4a75-9d8e-2f3a7c5b9e10</UUID></EventNotificationAlert>"""


class _Declared(TreeBuilder):
    """Builds the tree of a document, and refuses declarations of a type, which entities that grow need."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        """Refuse a declaration. Raises: Malformed."""
        raise Malformed(Code.MAKER_XML_UNREADABLE)


def translate(form: Sequence[FormField], home: str) -> Posted:
    """Translate an event; see `posted.Translate`."""
    event = _tree(document(form))
    said = {_name(one): one for one in event}
    if _word(said, "eventState").lower() == "inactive":
        return Posted(passed_over=PassedOver.SIGN_OF_LIFE)
    if _word(said, "eventType").upper() != "ANPR":
        return Posted(passed_over=PassedOver.OTHER_EVENT)
    crop, frame = _pictures(form)
    captured_at = _word(said, "dateTime")
    anpr = {_name(one): one for one in said["ANPR"]} if "ANPR" in said else {}
    plate = plate_of(_word(anpr, "originalLicensePlate")) or plate_of(_word(anpr, "licensePlate"))
    where = _position(said)
    if (post := unread(plate, frame, captured_at or None, where)) is not None:
        return post
    if not captured_at:
        raise missing("dateTime")
    if not _word(anpr, "confidenceLevel"):
        raise missing("confidenceLevel")
    fields = present(
        plate=plate,
        confidence=share(_word(anpr, "confidenceLevel"), "confidenceLevel"),
        captured_at=captured_at,
        source_id=identity(_word(said, "UUID")),
        characters=_characters(plate or "", _word(anpr, "plateCharBelieve")),
        direction=_DIRECTIONS.get(_word(anpr, "direction").lower()),
        lane=_lane(_word(anpr, "line")),
        model="hikvision",
        **_vehicle(anpr),
        **where,
    )
    return Posted(reads=[MakerRead(fields=fields, crop=crop)], frame=frame)


def _tree(data: bytes) -> Element:
    if len(data) > MAX_BYTES:
        raise Malformed(Code.MAKER_XML_UNREADABLE)
    parser = XMLParser(target=_Declared())  # noqa: S314 - it refuses declarations of entities
    try:
        parser.feed(data)
        tree: Element = parser.close()
    except (ParseError, ValueError, LookupError):
        raise Malformed(Code.MAKER_XML_UNREADABLE) from None
    if _name(tree) != "EventNotificationAlert":
        raise Malformed(Code.MAKER_XML_UNREADABLE)
    return tree


def _name(one: Element) -> str:
    return _NAMESPACE.sub("", one.tag)


def _word(among: dict[str, Element], name: str) -> str:
    one = among.get(name)
    return "" if one is None else (one.text or "").strip()


def _pictures(form: Sequence[FormField]) -> tuple[bytes | None, bytes | None]:
    """Return the pictures of the plate and of the scene, which have many names: the plate's has `plate` in it."""
    found = pictures(form)
    crops = [part.data for part in found if "plate" in part.name.lower()]
    scenes = [part.data for part in found if "plate" not in part.name.lower()]
    return (crops[0] if crops else None), (max(scenes, key=len) if scenes else None)


def _characters(plate: str, believed: str) -> list[dict[str, object]]:
    """Return the characters with their probabilities, if there is one for each."""
    sure = [one.strip() for one in believed.split(",")] if believed else []
    if len(sure) != len(plate) or not all(_is_percent(one) for one in sure):
        return []
    return [
        {"text": one, "confidence": int(percent) / 100}
        for one, percent in zip(plate, sure, strict=True)
    ]


def _is_percent(text: str) -> bool:
    return text.isdecimal() and len(text) <= 3 and int(text) <= 100


def _lane(line: str) -> int | None:
    return int(line) if line.isdecimal() and len(line) < 3 and int(line) <= MAX_LANE else None


def _vehicle(anpr: dict[str, Element]) -> dict[str, object]:
    said = {_name(one): one for one in anpr["vehicleInfo"]} if "vehicleInfo" in anpr else {}
    speed = _word(said, "speed")
    kmh = float(speed) if speed.isdecimal() and len(speed) < 4 else 0.0
    return present(
        vehicle_colour=text(_word(said, "color")),
        speed_kmh=kmh if 0 < kmh <= MAX_SPEED_KMH else None,
    )


def _position(said: dict[str, Element]) -> dict[str, float]:
    """Return where a mobile device was, from degrees, minutes and seconds."""
    gps = {_name(one): one for one in said["DeviceGPSInfo"]} if "DeviceGPSInfo" in said else {}
    if "Latitude" not in gps or "Longitude" not in gps:
        return {}
    try:
        north, east = _degrees(gps["Latitude"]), _degrees(gps["Longitude"])
    except InvalidInput:
        return {}
    if _word(gps, "latitudeType").upper() == "S":
        north = -north
    if _word(gps, "longitudeType").upper() == "W":
        east = -east
    return place(north, east)


def _degrees(one: Element) -> float:
    said = {_name(part): part for part in one}
    degree, minute, second = (
        number(_word(said, name) or 0, name) for name in ("degree", "minute", "sec")
    )
    return degree + minute / 60 + second / 3600


MAKER = Maker(name="Hikvision ANPR", translate=translate, example=EXAMPLE, is_form=True)
