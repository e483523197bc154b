"""Lines of the stream of alerts."""

from datetime import datetime

import msgspec

from services.hotlist.api.views.hits import hit_out
from services.hotlist.domain.hits import Hit
from shared.core.errors import AlprError
from shared.http.app import members


def alert(hit: Hit, now: datetime, link: str | None) -> bytes:
    """Return a hit as a Server-Sent Event; a client resumes from its id."""
    data = hit_out(hit, now, link).model_dump_json()
    return f"id: {hit.seq}\nevent: alert\ndata: {data}\n\n".encode()


def stream_end(why: AlprError) -> bytes:
    """Return the last Server-Sent Event of a stream: the problem document that says why it ends."""
    return f"event: end\ndata: {msgspec.json.encode(members(why)).decode()}\n\n".encode()
