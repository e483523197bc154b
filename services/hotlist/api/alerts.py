"""The route of alerts: live hits over Server-Sent Events (WHATWG HTML, section 9.2)."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from services.hotlist.api.guard import AlertReceive
from services.hotlist.domain.problem_codes import Code
from services.hotlist.service import Running
from services.hotlist.workers.viewer import StreamAuthorisation, Viewer
from shared.core.errors import InvalidInput, Unavailable

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

EXAMPLE = (
    'id: 17\nevent: alert\ndata: {"hit_id": "...", "status": "unverified", ...}\n\n'
    'event: end\ndata: {"status": 401, "code": "token_expired", "params": {}, "detail": "the token has expired", ...}'
    "\n\n"
)
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`ready` at once, `alert` for each hit (its data as in `GET /v1/hits`), `change` with the"
        " same data when something of a hit changed after its alert: a person acknowledged or verified it, its"
        " entry ended or has another caution, its plate is doubted, or it stays unanswered or unfinished; `end` when the"
        " service ends the stream; comments in between show that the stream is open. The data of `end` is a"
        " problem document (`Problem`) in JSON. Its `code` tells what to do: `token_expired` asks for a new"
        " token; after `alert_stream_replaced` do not reconnect; after a status of 503 reconnect later; after"
        " other codes of 401 and 403 the person may receive no alerts.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}
MOST_DIGITS = 18


@router.get("", response_class=StreamingResponse, responses=STREAM)
async def stream_alerts(
    grant: AlertReceive,
    hotlist: Running,
    last_event_id: Annotated[str | None, Header(description="Where to resume.")] = None,
    resume_after: Annotated[
        str | None,
        Query(alias="last_event_id", description="The same, for clients that cannot set headers."),
    ] = None,
) -> StreamingResponse:
    """Stream hits of the caller's agency, from sources that the caller is entitled to, as they are raised.

    Late hits are not on the stream: use `GET /v1/hits?late=true`.

    The service records each delivery as a disclosure before it sends the alert or its change. Alerts and changes have
    one order: the `id` of an alert is its hit's `seq`, that of a change its `changed_seq`. The stream ends when the
    token expires or is revoked, or training lapses. Reopen it with the last id: it then sends each missed hit once, and
    each that changed, if it was captured within the policy's patrol hours; older ones are in `GET /v1/hits`.
    An account has five streams here; one more ends its oldest. Some streams are reserved for accounts with none.
    While the service receives no account changes from identity, it opens no stream. An open one sends
    `unchecked`, continues as long as the policy allows, and sends `checked` if account changes arrive again; the log
    records this. Their data is JSON: `detail`, and for `unchecked` the times `since` and `ends_at`.
    """
    runtime, broadcaster = hotlist.runtime, hotlist.broadcaster
    if broadcaster.full_for(grant.principal.account_id):
        raise Unavailable(Code.ALERT_STREAMS_FULL, retry_after_s=5)
    last = await broadcaster.last()
    asked = _number(last_event_id if last_event_id is not None else resume_after)
    viewer = Viewer(
        grant,
        StreamAuthorisation(
            runtime.people,
            grant,
            runtime.agreement.coverage,
            unchecked_for=timedelta(seconds=runtime.policy.limits.alerts_without_revocation_s),
        ),
        last if asked is None else min(asked, last),
        hotlist.settings.hotlist_stream_buffer,
    )
    return StreamingResponse(
        broadcaster.stream(viewer),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


def _number(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    if not text.isdecimal() or not text.isascii() or len(text) > MOST_DIGITS:
        raise InvalidInput(Code.ALERT_ID_MALFORMED, field="Last-Event-ID")
    return int(text)
