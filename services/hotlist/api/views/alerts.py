"""Lines of the stream of alerts."""

from datetime import datetime

import msgspec

from services.hotlist.api.views.hits import hit_out
from services.hotlist.domain.hits import StreamedHit
from shared.core.errors import AlprError
from shared.http.app import members


def alert(streamed: StreamedHit, now: datetime, link: str | None) -> bytes:
    """Return a hit, as an alert or as a change of one, as a Server-Sent Event; a client resumes from its id."""
    data = hit_out(streamed.hit, now, link).model_dump_json()
    name = "change" if streamed.is_change else "alert"
    return f"id: {streamed.position}\nevent: {name}\ndata: {data}\n\n".encode()


def stream_end(why: AlprError) -> bytes:
    """Return the last Server-Sent Event of a stream: the problem document that says why it ends."""
    return f"event: end\ndata: {msgspec.json.encode(members(why)).decode()}\n\n".encode()
