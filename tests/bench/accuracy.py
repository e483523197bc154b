"""How well an engine reads a folder with a truth.csv: figures, a page of the misses, one JSON line.

python -m tests.bench.accuracy (--photos DIR | --crops DIR) [--n N] [--model NAME]
    [--packs NAME ...] [--second-opinion on|off|both] [--vary K [--road]] [--reader-only]
    [--networks DIR] [--out PAGE]

Photos: truth.csv with file, x, y, w, h, plate. Crops: file, state, plate; each is laid into a plain
frame, so that it has to be found first. One thread on one core; decoding is timed apart. With
--vary each picture counts in so many small changes of it instead of as it is, with --road too as a
camera at a road might have taken it (see `variation`).
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from local.demo.truth import TruePlate, TruthFault
from scenes.model import Image
from services.recognition.engine.decode import UndecodableImage, decode
from services.recognition.engine.framing import framed
from services.recognition.engine.protocol import PlateReading
from services.recognition.settings import Settings
from shared.core.region_packs import DEFAULT as DEFAULT_PACKS
from tests.bench import engines
from tests.bench.page import Card, Diagram, cut_out, reading_rows, write_page
from tests.bench.rig import machine, say
from tests.bench.samples import Sample, crops, photos, whole
from tests.bench.scoring import (
    Judged,
    Tally,
    calibration_error,
    character_pairs,
    matched,
    plate_pairs,
    reliability,
    shares,
)
from tests.bench.variation import Changes, varied

MINIMUM: float = Settings.model_fields["recognition_min_confidence"].default
OPINIONS: dict[str, tuple[engines.Opinion, ...]] = {
    "on": ("on",),
    "off": ("off",),
    "both": ("off", "on"),
    "as set": ("as set",),
}
Reading = Callable[[Image], Sequence[PlateReading]]
Fit = Callable[[Image], tuple[Image, tuple[int, int, int, int]]]
"""Makes a frame of a crop, and returns the plate's place in it: x, y, width, height in px."""


def load(sample: Sample, fit: Fit | None = None) -> tuple[Image, Sample, float]:
    """Return a sample's frame, upright BGR, the sample with boxes in it, and the time of decoding in ms.

    Raises: UndecodableImage naming the file.
    """
    data = sample.path.read_bytes()
    began = time.perf_counter()
    try:
        frame = decode(data)
    except UndecodableImage as fault:
        raise UndecodableImage(f"{sample.path}: {fault.detail}") from fault
    took_ms = 1000 * (time.perf_counter() - began)
    if fit is not None:
        pixels, box = fit(frame.pixels)
        return pixels, replace(sample, plates=(replace(sample.plates[0], box=box),)), took_ms
    plates = tuple(_reduced(true, frame.reduced_by) for true in sample.plates)
    return frame.pixels, replace(sample, plates=plates), took_ms


def _reduced(true: TruePlate, by: int) -> TruePlate:
    x, y, w, h = true.box
    return replace(true, box=(x // by, y // by, w // by, h // by))


def measure(
    samples: Sequence[Sample],
    read: Reading,
    minimum: float,
    fit: Fit | None = None,
    vary: Changes | None = None,
) -> Tally:
    """Read every sample, after one that does not count; leave out readings under `minimum`.

    Each is read once as it is, or in the changes of it that `vary` gives.
    """
    tally = Tally()
    read(load(samples[0], fit)[0])
    for sample in samples:
        frame, placed, decode_ms = load(sample, fit)
        tally.decode_ms.append(decode_ms)
        for shown, plates in _variants(frame, placed, vary):
            began = time.perf_counter()
            found = read(shown)
            tally.read_ms.append(1000 * (time.perf_counter() - began))
            kept = [reading for reading in found if reading.confidence >= minimum]
            mine, extras = matched(plates, kept)
            name = sample.path.name
            for true, reading in zip(plates, mine, strict=True):
                tally.judged.append(Judged(name, true, reading))
            tally.extras += [(name, reading) for reading in extras]
    return tally


def _variants(
    frame: Image, sample: Sample, vary: Changes | None
) -> Iterator[tuple[Image, Sequence[TruePlate]]]:
    if vary is None:
        yield frame, sample.plates
        return
    for change in vary(sample.path.name):
        yield (
            change.picture(frame),
            [replace(true, box=change.box(true.box, frame.shape)) for true in sample.plates],
        )


def figures(tally: Tally) -> dict[str, Any]:
    """Return all figures, the agreed ones first."""
    error = calibration_error(reliability(plate_pairs(tally.judged)))
    by_character = calibration_error(reliability(character_pairs(tally.judged)))
    return {
        **shares(tally.judged),
        "ms_p50": round(statistics.median(tally.read_ms), 1),
        "ms_p95": round(float(np.quantile(tally.read_ms, 0.95)), 1),
        "ece": _rounded(error),
        "ece_character": _rounded(by_character),
        "extra_reads": len(tally.extras),
        "extra_reads_per_frame": round(len(tally.extras) / len(tally.read_ms), 4),
        "decode_ms_p50": round(statistics.median(tally.decode_ms), 1),
        "decode_ms_p95": round(float(np.quantile(tally.decode_ms, 0.95)), 1),
        "frames": len(tally.read_ms),
        **state_figures(tally.judged),
    }


def state_figures(judged: Sequence[Judged]) -> dict[str, float | None]:
    """Return how often the engine named the issuing state, and named it right, where the truth has one.

    `state` is over all plates; `state_named_right` over those for which the engine gave a region.
    """
    known = [one for one in judged if one.true.state is not None]
    if not known:
        return {}
    given = [(one.true.state, one.reading and one.reading.region) for one in known]
    named = [(state, region) for state, region in given if region is not None]
    right = sum(region == f"US-{state}" for state, region in named)
    return {
        "state": round(right / len(known), 4),
        "state_named": round(len(named) / len(known), 4),
        "state_named_right": round(right / len(named), 4) if named else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def page(
    path: Path, samples: Sequence[Sample], tally: Tally, line: dict[str, Any], fit: Fit | None
) -> None:
    """Write the page of every miss and every extra read, with the reliability diagrams."""
    by_name = {sample.path.name: sample for sample in samples}

    def frame(name: str) -> Image:
        return load(by_name[name], fit)[0]

    misses = [_miss_card(one, frame(one.file)) for one in tally.misses]
    extras = [_extra_card(name, reading, frame(name)) for name, reading in tally.extras]
    diagrams = [
        Diagram(title, tuple(reliability(pairs)))
        for title, pairs in (
            ("Plates, by their least sure character", plate_pairs(tally.judged)),
            ("Characters", character_pairs(tally.judged)),
        )
    ]
    groups = {"Misses": misses, "Reads where no true plate is": extras}
    write_page(path, "Plates that were not read right", line, groups, diagrams)


def _miss_card(one: Judged, frame: Image) -> Card:
    said = (("truth", one.true.plate), *((("state", one.true.state),) if one.true.state else ()))
    return Card(one.file, cut_out(frame, one.true.box), (*said, *reading_rows(one.reading)))


def _extra_card(name: str, reading: PlateReading, frame: Image) -> Card:
    box = reading.box
    around = (box.x_px, box.y_px, box.width_px, box.height_px)
    return Card(name, cut_out(frame, around), reading_rows(reading))


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure as the command line asks.

    Raises: TruthFault, UndecodableImage; NoSuchEngine for one that lacks a requested function.
    """
    samples = crops(args.crops, args.n) if args.crops else photos(args.photos, args.n)
    fit = (whole if args.reader_only else framed) if args.crops else None
    on_one_core()
    vary = varied(args.vary, as_at_a_road=args.road)
    lines: list[dict[str, Any]] = []
    for opinion in OPINIONS[args.second_opinion]:
        engine = engines.make_engine(
            args.model, packs=tuple(args.packs), second_opinion=opinion, instead=args.networks
        )
        if args.reader_only:
            engine = engines.without_detector(engine)
        tally = measure(samples, engine.read, args.minimum, fit, vary)
        lines.append({**figures(tally), "model": f"{engine.name}@{engine.digest[:16]}"})
        say(f"second opinion {opinion}: {lines[-1]}")
    line = lines[-1]
    if len(lines) == 2:
        line["without_second_opinion"] = lines[0]
        line["second_opinion_adds"] = round(line["folded"] - lines[0]["folded"], 4)
    page(args.out, samples, tally, line, fit)
    return {**line, "page": str(args.out), "machine": machine(args.out.parent)}


def on_one_core() -> None:
    """Bind this process and its children to one core."""
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.accuracy", description=__doc__)
    folder = parser.add_mutually_exclusive_group(required=True)
    folder.add_argument("--photos", type=Path, help="a folder of photos with a truth.csv")
    folder.add_argument("--crops", type=Path, help="a folder of plate crops with a truth.csv")
    parser.add_argument("--n", type=at_least_one, help="so many pictures, drawn by a fixed seed")
    parser.add_argument(
        "--packs", nargs="+", default=DEFAULT_PACKS, help="region packs, as in a policy"
    )
    parser.add_argument("--model", default=engines.DEFAULT, help="the engine, as settings name it")
    parser.add_argument(
        "--networks", type=Path, help="a folder with networks instead of those that ship"
    )
    parser.add_argument(
        "--minimum", type=float, default=MINIMUM, help="readings below are no reads"
    )
    parser.add_argument("--second-opinion", choices=list(OPINIONS), default="as set")
    parser.add_argument("--vary", type=at_least_one, help="so many small changes of each picture")
    parser.add_argument("--road", action="store_true", help="as at a road instead, not small")
    parser.add_argument("--reader-only", action="store_true", help="crops: no detector")
    parser.add_argument("--out", type=Path, default=Path("var/bench/accuracy.html"))
    chosen = parser.parse_args(arguments)
    if chosen.reader_only and chosen.crops is None:
        parser.error("--reader-only goes with --crops")
    if chosen.road and chosen.vary is None:
        parser.error("--road goes with --vary")
    return chosen


def at_least_one(text: str) -> int:
    """Parse a whole number from 1 of the command line."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def main() -> None:
    """Print the figures; the last line is JSON."""
    try:
        print(json.dumps(run(options())))
    except (TruthFault, UndecodableImage, engines.NoSuchEngine) as fault:
        sys.exit(f"accuracy: {fault}")


if __name__ == "__main__":
    main()
