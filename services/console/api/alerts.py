"""Live alerts."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.console.actions import hits
from services.console.actions.errors import Refused, SignedOut
from services.console.api.browser import drop_cookies
from services.console.api.pages import page, page_values
from services.console.api.stream import ServerSentEvent, end, relay, signed_out
from services.console.api.visit import After, Working, watching
from shared.core.problem_codes import Common

router = APIRouter(prefix="/alerts")

Number = Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$")]
Code = Annotated[str, Query(pattern=r"^[a-z_]{0,40}$")]
LastId = Annotated[str | None, Header(pattern=r"^[0-9]{0,18}$")]


@router.get("")
async def show_alerts(request: Request, visit: Working) -> Response:
    """Show the newest hits, late ones apart; the page's script adds each new one as it is raised, and its changes."""
    found = await hits.list_hits(visit, late=False)
    waiting = await hits.count_waiting(visit)
    return page(
        request,
        "alerts.html",
        visit,
        hits=sorted(found["items"], key=lambda hit: (not hit["unanswered"], not hit["unfinished"])),
        older=found["next"],
        after=max((hit["changed_seq"] or hit["seq"] for hit in found["items"]), default=0),
        captured_since=found.get("captured_since"),
        waiting=waiting,
        now=visit.console.clock.now(),
    )


@router.get("/older")
async def show_older_hits(
    request: Request,
    visit: Working,
    after: After = "",
    status: Code = "",
    outcome: Code = "",
    result: Code = "",
) -> Response:
    """Show the hits before those on the page of alerts, newest first, or those with a finding or a result."""
    asked = {"status": status, "outcome": outcome, "result": result}
    asked = {name: code for name, code in asked.items() if code}
    found = await hits.list_hits(visit, late=None if asked else False, after=after, **asked)
    counts = await hits.count_outcomes(visit)
    return page(request, "older_hits.html", visit, found=found, counts=counts, asked=asked)


@router.get("/own")
async def show_own_hits(
    request: Request, visit: Working, after: After = "", status: Code = ""
) -> Response:
    """Show the hits of plates that this person listed, newest first, those before them on further pages."""
    found = await hits.list_hits(visit, late=None, after=after, status=status, listed_by="me")
    return page(request, "own_hits.html", visit, found=found, only=status)


@router.get("/late")
async def show_late_hits(request: Request, visit: Working, after: After = "") -> Response:
    """Show hits of reads that came long after their capture: they raised no alert."""
    found = await hits.list_hits(visit, late=True, after=after)
    return page(request, "late_hits.html", visit, found=found)


@router.get("/stream")
async def stream_alerts(
    request: Request, after: Number = None, last_event_id: LastId = None
) -> Response:
    """Stream hotlist's alerts to this person, resumed after the browser's last event.

    A browser can read neither the status nor the body of a refused stream, so a refusal is sent as the event `end`.
    """
    try:
        visit = await watching(request)
        answer = await hits.open_alerts(visit, last_event_id or after or "")
    except SignedOut:
        drop_cookies(request)
        return _events([signed_out("session_over")])
    except Refused as exc:
        return _events([end(exc.code or Common.UNAVAILABLE.code, exc.detail or exc.title)])
    return StreamingResponse(
        relay(visit, answer, page_values(request, visit.session)),
        media_type="text/event-stream",
        headers=_UNBUFFERED,
    )


_UNBUFFERED = {"X-Accel-Buffering": "no"}


def _events(events: Iterable[ServerSentEvent]) -> Response:
    content = b"retry: 10000\n\n" + b"".join(event.encode() for event in events)
    return Response(content, media_type="text/event-stream", headers=_UNBUFFERED)
