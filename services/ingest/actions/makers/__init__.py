"""Translates what cameras and engines post in their makers' formats into reads and pictures of ours (ADR-0105).

A module for each maker, with a `translate`; no module knows another. Only the formats are theirs: the rules of reads
and pictures are those of every camera. `bridge` is our own format, for whatever translates a maker that is not here.
"""

from collections.abc import Mapping

from services.ingest.actions.makers import (
    axis,
    bridge,
    codeproject,
    frigate,
    genetec,
    hikvision,
    plate_recognizer,
    rekor,
)
from services.ingest.actions.makers.posted import Maker

MAKERS: Mapping[str, Maker] = {
    "axis": axis.MAKER,
    "codeproject": codeproject.MAKER,
    "frigate": frigate.MAKER,
    "genetec": genetec.MAKER,
    "hikvision": hikvision.MAKER,
    "plate-recognizer": plate_recognizer.MAKER,
    "rekor": rekor.MAKER,
    "bridge": bridge.MAKER,
}
"""The makers, by the last part of the path that their devices post to."""
