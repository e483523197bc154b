"""`plateward status`: the state of a running installation as a table for people, or as JSON."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from plateward.running import FOLDER, is_address, stack_on
from plateward.status import DiskState, State, disk_of, state_of
from shared.service.command import DONE, FAULT, Answer, Unfinished, command

MOST_LAGS = 5


@command(
    "status",
    click.Option(
        ["--url", "urls"],
        multiple=True,
        metavar="SERVICE=ADDRESS",
        help="Where a service answers; repeat it for the others. Default: the running embedded stack, or in an "
        "image its own service.",
    ),
    FOLDER,
)
def status_command(*, urls: Sequence[str], folder: Path) -> Answer:
    """Show services, lag, ages of hot lists against their limits, the last checkpoint and disks.

    Exit status 1 if a service is not ready, a hot list is stale or a disk is 90% full.
    """
    asked, disks = _places(urls, folder.absolute())
    now = datetime.now(UTC)
    state = state_of(asked, disks, now)
    return Answer("\n".join(table(state, now)), _data(state), DONE if state.ok else FAULT)


def _places(urls: Sequence[str], folder: Path) -> tuple[dict[str, str], list[DiskState]]:
    """Return the services to ask, and the disks of this machine that their data are on. Raises: Unfinished."""
    if urls:
        pairs = [text.partition("=") for text in urls]
        if bad := ["".join(pair) for pair in pairs if not (pair[0] and is_address(pair[2]))]:
            raise Unfinished(
                f"--url {bad[0]}: give SERVICE=ADDRESS, such as identity=http://identity:8000"
            )
        return {name: url.rstrip("/") for name, _, url in pairs}, []
    if (running := stack_on(folder)) is not None:
        services = {name: url for name, url in running.urls.items() if name}
        return services, [disk_of(one) for one in _data_folders(folder)]
    if name := os.environ.get("SERVICE"):
        return {name: f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"}, []
    raise Unfinished(
        f"no stack runs on {folder}: start it with `plateward serve`, or name services with --url"
    )


def _data_folders(folder: Path) -> Iterator[Path]:
    """Yield the stack's folder, and that of Postgres if it is on another disk."""
    yield folder
    data = (folder / "postgres" / "data").resolve()
    if data.exists() and data.stat().st_dev != folder.stat().st_dev:
        yield data


def table(state: State, now: datetime) -> Iterator[str]:
    """Yield the lines that people read."""
    yield from _section(
        "Services",
        [(one.name, "; ".join(one.faults) or "ready") for one in state.services],
    )
    late = [lag for lag in state.lags if lag.events][:MOST_LAGS]
    rows = [(lag.group, f"{lag.events:,} events to process") for lag in late]
    whose = "" if all(one.answers for one in state.services) else ", of services that answer"
    if not late:
        rows.append(("consumers", f"no event waits{whose}" if state.lags else "unknown"))
    unsent = "unknown" if state.outbox is None else f"{state.outbox:,} events wait for Kafka{whose}"
    rows.append(("outboxes", unsent))
    yield from _section("Lag", rows)
    yield from _section(
        "Hot lists", [_list_row(state, index) for index in range(len(state.hot_lists))]
    )
    yield from _section("Audit log", _log_rows(state, now))
    yield from _section("Disks", [(one.name, _disk_text(one)) for one in state.disks])


def _section(title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield title
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield f"  {name:<{width}}  {text}"
    if not rows:
        yield "  none known"


def _list_row(state: State, index: int) -> tuple[str, str]:
    one = state.hot_lists[index]
    age, limit = _span(one.age_s), _span(one.stale_after_s)
    mark = "STALE: " if one.stale else ""
    return f"{one.name} ({one.source}, {one.agency_ori})", f"{mark}{age} old, stale from {limit} on"


def _log_rows(state: State, now: datetime) -> list[tuple[str, str]]:
    behind = "unknown" if state.log_behind_s is None else f"{state.log_behind_s:.0f} s behind Kafka"
    if (newest := state.checkpoint) is None:
        return [("log", behind), ("checkpoint", "none yet")]
    signed = ""
    if newest.signed_at is not None:
        signed = f", signed {_span((now - newest.signed_at).total_seconds())} ago"
    return [("log", behind), ("checkpoint", f"{newest.entries:,} entries{signed}")]


def _disk_text(disk: DiskState) -> str:
    free = "" if disk.free_bytes is None else f", {disk.free_bytes / 1e9:,.1f} GB free"
    return f"{'NEARLY FULL: ' if disk.nearly_full else ''}{disk.used:.0%} used{free}"


def _span(seconds: float) -> str:
    """Return a length of time in the largest unit that suits it."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{timedelta(seconds=seconds).days} days"


def _data(state: State) -> Mapping[str, object]:
    newest = state.checkpoint
    return {
        "ok": state.ok,
        "services": [
            {"name": one.name, "ready": not one.faults, "faults": list(one.faults)}
            for one in state.services
        ],
        "lag": [asdict(lag) for lag in state.lags],
        "outbox": state.outbox,
        "hot_lists": [{**asdict(one), "stale": one.stale} for one in state.hot_lists],
        "log": {
            "behind_s": state.log_behind_s,
            "checkpoint_entries": newest and newest.entries,
            "checkpoint_signed_at": newest and newest.signed_at and newest.signed_at.isoformat(),
        },
        "disks": [{**asdict(one), "nearly_full": one.nearly_full} for one in state.disks],
    }
