"""Makers' posts for tests of ingest, and their reads."""

import base64
import json

from services.ingest.actions.makers import MAKERS
from services.ingest.actions.makers.posted import FormField

HOME = "US-CA"


def example(maker, **changes):
    """Return a maker's example with other values at its top; None removes one."""
    document = {**json.loads(json.dumps(MAKERS[maker].example)), **changes}
    return {name: value for name, value in document.items() if value is not None}


def translated(maker, document, *pictures):
    """Return what a post with some pictures is in our terms, for a department in California."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return MAKERS[maker].translate([*pictures, FormField("document", data)], HOME)


def read_of(maker, **changes):
    """Return the fields of the read of a maker's example with other values at its top; None removes one."""
    [read] = translated(maker, example(maker, **changes)).reads
    return read.fields


def result(**changes):
    """Return the fields of the read of one result of Plate Recognizer."""
    document = example("plate-recognizer")
    document["data"]["results"][0] |= changes
    [read] = translated("plate-recognizer", document).reads
    return read.fields


def event(*changes):
    """Return Hikvision's example with some text replaced."""
    document = MAKERS["hikvision"].example
    for old, new in changes:
        assert document.count(old) == 1
        document = document.replace(old, new)
    return document.encode()


def anpr(*changes):
    """Return the fields of the read of Hikvision's example with some text replaced."""
    [read] = translated("hikvision", event(*changes)).reads
    return read.fields


def in_base64(data):
    """Return a picture as a JSON document has it."""
    return base64.b64encode(data).decode()
