"""Broadcasts alerts to viewers; records each alert as disclosed before sending it.

One task reads new hits once for all viewers and commits their disclosures together. A viewer that
is new, slow or missed alerts through a fault reads from Postgres at its own pace until it has caught up.
Viewers therefore do not wait for each other, and the buffers in memory are bounded.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timedelta
from secrets import token_hex

import msgspec
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.actions.crop_link import crop_link
from services.hotlist.domain.hits import Hit, StreamedHit
from services.hotlist.domain.problem_codes import Code
from services.hotlist.settings import Settings
from services.hotlist.store.alerts import Alerts
from services.hotlist.workers.viewer import Viewer
from shared.core.errors import AlprError, Conflict, Unavailable
from shared.core.periodic import PeriodicTask
from shared.core.spans import NO_SPAN, Attributes, Kind, batch_span
from shared.events import AlertsUnchecked
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

Encode = Callable[[StreamedHit, datetime, str | None], bytes]
"""Encodes an alert or its change as a Server-Sent Event, with the time and the token of the link to its picture."""

EncodeEnd = Callable[[AlprError], bytes]
"""Encodes the refusal that ends a stream as its last Server-Sent Event."""

VIEWERS = Gauge("alpr_alert_streams", "Open alert streams")
DELIVERED = Counter("alpr_alerts_delivered", "Alerts sent to viewers")
ALERTED = Histogram(
    "alpr_alert_seconds",
    "From the receipt of a read or frame by ingest to its alert in the open streams",
    buckets=(0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60),
)

PIECE = 200
"""The most alerts and changes of one query."""

HEARTBEAT = b": heartbeat\n\n"
RETRY_MS = 1000


class Broadcaster:
    """The alert streams of this process. Wake `task` when there are new hits or changes of hits."""

    def __init__(
        self, runtime: ApiRuntime, settings: Settings, encode: Encode, encode_end: EncodeEnd
    ) -> None:
        """`encode` and `encode_end` encode an alert or change and the end as Server-Sent Events."""
        self.task = PeriodicTask(
            "alert broadcaster",
            self._check_viewers,
            settings.hotlist_poll_s,
            at_once=True,
            drain=True,
        )
        self._runtime = runtime
        self._settings = settings
        self._encode = encode
        self._encode_end = encode_end
        self._position = 0
        """The position of the last alert or change that was delivered to, or withheld from, all live viewers."""

        self._viewers: dict[Viewer, None] = {}
        """The open streams, oldest first."""

        self._closing = False
        self._link_here = token_hex(16)
        """A placeholder for the viewer's own link in an encoded alert; random, so that no camera's text contains it."""

    def close(self) -> None:
        """End every stream with a reason: a server that stops waits for them."""
        self._closing = True
        for viewer in self._viewers:
            viewer.wake()

    def full_for(self, account_id: str) -> bool:
        """Return whether an account can open no stream here.

        A stream that a newer one of its account replaced still counts until its client disconnects, so that
        clients that do not read cannot pile up.
        """
        own, settings = len(self._of(account_id)), self._settings
        most = settings.hotlist_max_streams - (settings.hotlist_reserved_streams if own else 0)
        piled_up = own >= 2 * settings.hotlist_account_streams
        return self._closing or piled_up or len(self._viewers) >= most

    def _alerts(self, connection: AsyncConnection) -> Alerts:
        patrol = timedelta(hours=self._runtime.policy.limits.hits_without_purpose_h)
        return Alerts(connection, patrol)

    def _of(self, account_id: str) -> list[Viewer]:
        return [viewer for viewer in self._viewers if viewer.account_id == account_id]

    def _make_room(self, account_id: str) -> None:
        """End the oldest streams of an account above its limit."""
        going_on = [viewer for viewer in self._of(account_id) if viewer.ended is None]
        most = self._settings.hotlist_account_streams
        for viewer in going_on[: -self._settings.hotlist_account_streams]:
            # The console's page does not reconnect after this one.
            viewer.end(Conflict(Code.ALERT_STREAM_REPLACED, max_streams=most))

    async def last(self) -> int:
        """Return the number of the latest hit. Raises: Unavailable."""
        async with self._runtime.db.begin() as connection:
            return await self._alerts(connection).last()

    async def stream(self, viewer: Viewer) -> AsyncIterator[bytes]:
        """Yield Server-Sent Events until the viewer may no longer receive them or the process stops."""
        # Again: others came while its request asked for the latest hit.
        if self.full_for(viewer.account_id):
            yield self._encode_end(Unavailable(Code.ALERT_STREAMS_FULL, retry_after_s=5))
            return
        self._viewers[viewer] = None
        self._make_room(viewer.account_id)
        VIEWERS.set(len(self._viewers))
        try:
            yield _opening(viewer.cursor)
            while (why := self._end(viewer)) is None:
                if notice := await self._notice(viewer):
                    yield notice
                sent = await self._next(viewer)
                if (why := self._end(viewer)) is not None:
                    break
                if sent:
                    yield sent
            yield self._encode_end(why)
        except Unavailable as exc:
            yield self._encode_end(exc)
        finally:
            self._viewers.pop(viewer, None)
            VIEWERS.set(len(self._viewers))

    def _end(self, viewer: Viewer) -> AlprError | None:
        if self._closing:
            return Unavailable(Code.ALERT_STREAM_STOPPED)
        return viewer.ended or viewer.authorisation.fault(self._runtime.clock.now())

    async def _notice(self, viewer: Viewer) -> bytes:
        """Return a notice, once, that the account cannot be checked, and emit the event; or that it can be again."""
        now = self._runtime.clock.now()
        unchecked = viewer.authorisation.unchecked(now)
        if (unchecked is not None) is viewer.unchecked:
            return b""
        viewer.unchecked = unchecked is not None
        if unchecked is None:
            return _notice("checked", detail="updates of accounts arrive again")
        since, ends_at = unchecked
        async with self._runtime.db.begin() as connection:
            event = AlertsUnchecked(
                occurred_at=now,
                actor=viewer.grant.actor,
                attempt_id=viewer.grant.attempt_id,
                since=since,
                ends_at=ends_at,
            )
            await emit(connection, self._runtime.service, event)
        detail = f"no updates of accounts since {since:%H:%M:%S} UTC; ends at {ends_at:%H:%M:%S}"
        return _notice("unchecked", detail=detail, since=since, ends_at=ends_at)

    async def _next(self, viewer: Viewer) -> bytes:
        """Return the next bytes to send: buffered alerts, else missed alerts, else a heartbeat."""
        if sent := await viewer.next_batch(self._settings.hotlist_heartbeat_s):
            return sent
        if viewer.behind:
            return await self._catch_up(viewer)
        # The stream was silent for a heartbeat: check the token's signature too, which is too slow for each alert.
        viewer.authorisation.verify_again(self._runtime.clock.now())
        return HEARTBEAT

    async def _catch_up(self, viewer: Viewer) -> bytes:
        async with self._runtime.db.begin() as connection:
            alerts = self._alerts(connection)
            last = await alerts.last()
            now = self._runtime.clock.now()
            missed = await alerts.missed(viewer.grant, viewer.cursor, PIECE, now=now)
            alerted = await self._span(alerts, missed)
        with alerted:
            return self._caught_up(viewer, missed, last)

    def _caught_up(self, viewer: Viewer, missed: Sequence[StreamedHit], last: int) -> bytes:
        """Move a viewer's cursor past the alerts that it missed, and return them encoded."""
        # The disclosures are committed, so the alerts may be sent.
        if len(missed) == PIECE:
            viewer.cursor = missed[-1].position
        else:
            viewer.cursor = max(last, viewer.cursor, *(one.position for one in missed))
            # No await between these statements: the broadcaster sees every viewer that has caught up.
            if not self._any_live:
                self._position = max(self._position, viewer.cursor)
            viewer.behind = viewer.cursor < self._position
            self.task.wake()  # hits raised since the query had no live viewer
        return b"".join(self._encoded(missed, viewer))

    async def _check_viewers(self) -> None:
        self._wake_fallen()
        # Skip the query while no viewer is live; the others catch up on their own.
        while self._any_live and await self._deliver():
            pass

    def _wake_fallen(self) -> None:
        """Wake streams whose viewer may no longer receive alerts, so that they end now and not at a heartbeat."""
        now = self._runtime.clock.now()
        for viewer in self._viewers:
            if viewer.authorisation.fault(now) is not None:
                viewer.wake()

    @property
    def _any_live(self) -> bool:
        return any(not viewer.behind for viewer in self._viewers)

    async def _deliver(self) -> bool:
        """Deliver the next hits to the live viewers; return whether there may be more."""
        shares: dict[Viewer, list[StreamedHit]] = {}
        with ExitStack() as spans:
            try:
                async with self._runtime.db.begin() as connection:
                    alerts = self._alerts(connection)
                    now = self._runtime.clock.now()
                    found = await alerts.after(self._position, PIECE, now=now)
                    if not found:
                        return False
                    shares = self._share(found)
                    self._position = max(self._position, found[-1].position)
                    spans.enter_context(await self._span(alerts, _seen_by(shares)))
                    await alerts.deliver((viewer.grant, share) for viewer, share in shares.items())
            except BaseException:
                # The disclosures did not commit, so no alert was sent: these viewers read them from Postgres.
                for viewer in shares:
                    viewer.fall_behind()
                raise
            encoded = self._once_for_all(found)
            for viewer, share in shares.items():
                given = [self._with_link(one, encoded[one.position], viewer) for one in share]
                viewer.give(given, found[-1].position)
                DELIVERED.inc(len(_alerts_in(share)))
        self._measure(_alerts_in(_seen_by(shares)))
        return len(found) == PIECE

    async def _span(
        self, alerts: Alerts, streamed: Iterable[StreamedHit]
    ) -> AbstractContextManager[None]:
        """Return the span of sending alerts, in the trace that raised the first sampled one of these hits."""
        tracer, hits = self._runtime.tracer, _alerts_in(streamed)
        if tracer is None or not hits:
            return NO_SPAN
        traceparents = await alerts.traceparents(hits)
        attributes: Attributes = {"plateward.alerts": len(hits)}
        return batch_span(tracer, "alert", Kind.INTERNAL, traceparents, attributes)

    def _measure(self, hits: Iterable[Hit]) -> None:
        """Observe how long the alerts took, each once however many viewers got it. A purged hit has no times."""
        now = self._runtime.clock.now()
        for hit in hits:
            if hit.received_at is not None:
                ALERTED.observe(max(0.0, (now - hit.received_at).total_seconds()))

    def _share(self, found: Sequence[StreamedHit]) -> dict[Viewer, list[StreamedHit]]:
        """Return what each live viewer may see of it, if its buffer has room and its token still holds."""
        now = self._runtime.clock.now()
        shares = {}
        for viewer in self._viewers:
            if viewer.behind:
                continue
            share = [o for o in found if o.position > viewer.cursor and viewer.sees(o.hit)]
            if viewer.ended or viewer.authorisation.fault(now) is not None:
                viewer.wake()
            elif viewer.room(len(share)):
                shares[viewer] = share
            else:
                viewer.fall_behind()
        return shares

    def _encoded(self, found: Sequence[StreamedHit], viewer: Viewer) -> list[bytes]:
        """Return alerts and changes encoded for one viewer."""
        encoded = self._once_for_all(found)
        return [self._with_link(one, encoded[one.position], viewer) for one in found]

    def _once_for_all(self, found: Sequence[StreamedHit]) -> dict[int, bytes]:
        """Return alerts and changes by position, encoded once, with `_link_here` in place of each viewer's own link."""
        now = self._runtime.clock.now()
        return {one.position: self._encode(one, now, self._link_here) for one in found}

    def _with_link(self, streamed: StreamedHit, encoded: bytes, viewer: Viewer) -> bytes:
        """Return an alert with the viewer's own link to its picture, part of the stream's access (ADR-0035)."""
        if streamed.hit.crop_key is None:
            return encoded
        now = self._runtime.clock.now()
        link = crop_link(streamed.hit, viewer.grant, self._runtime.links, now)
        if link is None:
            return self._encode(streamed, now, None)
        return encoded.replace(self._link_here.encode(), link.encode(), 1)


def _seen_by(shares: Mapping[Viewer, Sequence[StreamedHit]]) -> list[StreamedHit]:
    """Return the alerts and changes of all viewers, each once."""
    return list({one.position: one for share in shares.values() for one in share}.values())


def _alerts_in(streamed: Iterable[StreamedHit]) -> list[Hit]:
    """Return the hits of the alerts among alerts and changes."""
    return [one.hit for one in streamed if not one.is_change]


def _notice(name: str, **data: object) -> bytes:
    return f"event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n".encode()


def _opening(cursor: int) -> bytes:
    """Return the first event with the stream's start, so that a client cut off before its first alert can resume."""
    return f"retry: {RETRY_MS}\nid: {cursor}\nevent: ready\ndata: {cursor}\n\n".encode()
