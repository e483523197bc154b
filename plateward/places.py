"""The places of one camera's pictures in a vehicle, noted beside those that wait."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plateward.inbox import Waiting
from plateward.track import REMEMBERED_S, Track, VehiclePlace

SETTLES_S = 5.0
"""A younger capture waits for its place: GPS reports each second, and a moment needs the report after it."""


class Places:
    """Where a camera's pictures were taken. A note of a picture that waits outlives this program."""

    def __init__(self, track: Track, faces_deg: float) -> None:
        """`faces_deg`: where the camera looks, clockwise from the front of the vehicle."""
        self._track = track
        self._faces_deg = faces_deg

    def note(self, one: Waiting, now_s: float) -> bool:
        """Note where a picture was taken, if the vehicle's way has the moment.

        Returns: False while its place may become known. Raises: OSError.
        """
        if one.as_of is None:
            return True
        moment_s = one.as_of.timestamp()
        if now_s - moment_s > REMEMBERED_S or self._noted(one) is not None:
            return True
        found = self._track.place_at(moment_s)
        if found is None:
            return now_s - moment_s > SETTLES_S or not self._track.may_reach(moment_s)
        note = {"version": one.version, "place": asdict(found)}
        path = _beside(one.path)
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps(note), encoding="utf-8")
        part.replace(path)
        return True

    def fields_of(self, one: Waiting) -> dict[str, str]:
        """Return the place of a picture as ingest takes it; empty if it is not known. Raises: OSError."""
        if (found := self._noted(one)) is None:
            return {}
        fields = {"latitude": f"{found.latitude:.7f}", "longitude": f"{found.longitude:.7f}"}
        if found.course_deg is not None:
            fields["heading_deg"] = f"{(found.course_deg + self._faces_deg) % 360:.1f}"
        return fields

    def forget(self, one: Waiting) -> None:
        """Delete the note of a picture that waits no more. Raises: OSError."""
        _beside(one.path).unlink(missing_ok=True)

    def _noted(self, one: Waiting) -> VehiclePlace | None:
        """Return the noted place of a picture; None for that of another one, which had its name before."""
        note: Any = None
        with suppress(FileNotFoundError, ValueError):
            note = json.loads(_beside(one.path).read_text(encoding="utf-8"))
        if not isinstance(note, dict) or note.get("version") != list(one.version):
            return None
        with suppress(TypeError):
            return VehiclePlace(**note["place"])
        return None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.place")
