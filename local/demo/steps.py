"""The demonstration, step by step."""

import asyncio
import time
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from local.demo import auditing, listing, searches
from local.demo.alerts import AlertStream, attach
from local.demo.camera import Posted, post, post_all
from local.demo.client import Api, Person
from local.demo.department import Department, Embedded, seed
from local.demo.progress import bars
from local.demo.records import await_processed, collect
from local.demo.releasing import release
from local.demo.story import Frame, StepFailed, Story
from local.demo.truth import bare

SETTLED_WITHIN_S = 30.0
POLL_EVERY_S = 0.5
EQUAL_POLLS = 3
"""Alerts have settled after this many equal polls in a row of a hit list that is fully delivered."""
_NO_STATE = (
    "No entry of the list names a state (truth.csv has none in a column `state`), so no hit is urgent: "
    "a plate of another state may read the same."
)


async def play(
    urls: Mapping[str, str],
    folder: Path,
    frames: Sequence[Frame],
    source: str,
    *,
    every_s: float,
    console: Console,
) -> tuple[Story, Department]:
    """Run all steps on a running stack whose data are in `folder`/stack. Raises: StepFailed."""
    async with Api(urls) as api:
        people = await seed(api, Embedded(folder / "stack"))
        console.print(f"{len(people.people)} people enrolled, {len(people.devices)} cameras")
        story = await main_job(
            api, people, folder, frames, source, every_s=every_s, console=console
        )
    return story, people


async def main_job(
    api: Api,
    people: Department,
    folder: Path,
    frames: Sequence[Frame],
    source: str,
    *,
    every_s: float,
    console: Console,
    hot_list: str = listing.NAME,
) -> Story:
    """Run all steps but the first on any running stack; files lie in `folder`. Raises: StepFailed."""
    story = Story(datetime.now(UTC), source)
    entries = listing.choose(frames)
    story.listed = [(entry.plate, entry.record_kind) for entry in entries]
    story.hot_list = await listing.put_in_force(people.investigator, entries, hot_list)
    console.print(f"hot list in force, entries: {len(entries)}")
    if not any(entry.state for entry in entries):
        story.notes.append(_NO_STATE)
    window = await _watch(api, people, frames, story, every_s, console)
    await _search_and_release(people, story, window, folder)
    console.print("searched, refused, released")
    purpose = await auditing.audit_purpose(people.auditor)
    story.accesses = await auditing.entries_of(people.auditor, purpose, story.accesses)
    story.audit = await auditing.prove(people.auditor, purpose, folder)
    return story


async def _watch(
    api: Api,
    people: Department,
    frames: Sequence[Frame],
    story: Story,
    every_s: float,
    console: Console,
) -> tuple[datetime, datetime]:
    """Post the frames while an officer listens; returns their window of time."""
    first = datetime.now(UTC) - timedelta(seconds=1)
    refused: list[str] = []
    async with AlertStream(people.officer) as stream:
        with bars(console) as bar:
            step = bar("posting frames", len(frames))

            def done(frame: Frame, fault: str | None) -> None:
                step()
                if fault is not None:
                    refused.append(f"{frame.name}: {fault}")

            posted = await post_all(api, people.devices, frames, every_s=every_s, done=done)
            await _send_again(api, people, posted, story)
            window = (first, datetime.now(UTC) + timedelta(seconds=1))
            purpose = await people.investigator.declare(**searches.CANVASS)
            recorded = bar("frames on record", len(posted))
            await await_processed(people.investigator, purpose, posted, lambda _: recorded())
        await _settle(people.officer, stream, {one.sent.capture_id for one in posted})
    attach(stream.arrivals, posted)
    await collect(people.investigator, purpose, posted, people.devices, window)
    story.sent = [one.sent for one in posted]
    story.notes.append(_reach(story))
    story.notes += [f"Refused, and nothing of it stored: {one}." for one in refused]
    return window


def _reach(story: Story) -> str:
    """Say how many listed plates that passed a camera raised a hit, and why not all did."""
    passed = {bare(true.plate) for sent in story.sent for true in sent.frame.truth}
    listed = {plate for plate, _ in story.listed} & passed
    raised = listed & {alert.plate_listed for alert in story.alerts}
    if not passed:
        return "The true plates are unknown, so the hot list has only a sample entry."
    return (
        f"{len(listed)} listed plates passed a camera and {len(raised)} of them raised a hit; "
        "what is misread, or read below the policy's confidence, raises none."
    )


async def _send_again(api: Api, people: Department, posted: Sequence[Posted], story: Story) -> None:
    """Send the first frame a second time, as a camera does whose receipt was lost."""
    if not posted:
        raise StepFailed("no frame was accepted")
    first = posted[0]
    device = next(d for d in people.devices if d.name == first.sent.device)
    again = await post(api, device, first.sent.frame, at=first.captured_at)
    if again.sent.capture_id != first.sent.capture_id:
        raise StepFailed("the same frame sent twice became two captures")
    story.notes.append(
        f"{first.sent.frame.name} was sent a second time, as after a lost receipt: one capture."
    )


async def _settle(officer: Person, stream: AlertStream, captures: Set[str]) -> None:
    """Wait until the stream has delivered every hit on record of these captures. Raises: StepFailed."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    before: set[str] = set()
    alike = 0
    while alike < EQUAL_POLLS:
        hits = await _hits(officer)
        listed = {hit["hit_id"] for hit in hits if hit["capture_id"] in captures}
        came = [arrival.hit["hit_id"] for arrival in stream.arrivals]
        if len(came) != len(set(came)):
            raise StepFailed("a hit was alerted twice")
        alike = alike + 1 if listed == before == set(came) else 0
        before = listed
        if time.monotonic() > deadline:
            raise StepFailed(f"{len(listed)} hits are on record, {len(came)} came as alerts")
        await asyncio.sleep(POLL_EVERY_S)


async def _hits(officer: Person) -> list[dict[str, str]]:
    hits: list[dict[str, str]] = []
    after: dict[str, str] = {}
    while True:
        params = {"limit": 200, **after}
        page = await officer.must("hotlist", "GET", "/v1/hits", params=params)
        hits += page["items"]
        if page["next"] is None:
            return hits
        after = {"after": page["next"]}


async def _search_and_release(
    people: Department, story: Story, window: tuple[datetime, datetime], folder: Path
) -> None:
    """Search a plate that was read, run two refused requests, release its records to another agency."""
    seen = [*(alert.plate_read for alert in story.alerts), *(read.plate for read in story.reads)]
    plate = next(iter(seen), None)
    plate_searched = plate or listing.SAMPLE
    if plate is not None:
        story.accesses.append(await searches.search_plate(people.investigator, plate, window))
        part = await searches.search_pattern(people.investigator, plate, people.devices, window)
        story.accesses.append(part)
    story.accesses.append(await searches.refused_untrained(people.rookie, plate_searched, window))
    story.accesses.append(await searches.refused_purpose(people.investigator))
    if plate is None:
        story.notes.append("No plate was read, so there was nothing to search for or to release.")
        return
    story.release = await release(people, plate, window, folder)
