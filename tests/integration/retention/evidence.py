"""Exports of evidence: written as files, and read as an outsider reads them; and a hit that an officer worked."""

import json
from datetime import timedelta
from html.parser import HTMLParser
from uuid import UUID

from shared.events import Actor, HitDisposed, HitVerified
from tests.integration.retention.conftest import ORI, a_hit, a_read
from tests.integration.retention.exporting import download
from tests.integration.retention.packaging import NOON, content

OFFICER = Actor(person_id="o", name="Officer Nine", title="Police Officer", agency_ori=ORI)


async def written(retention, export, path):
    """Write the package to a file, as to a medium."""
    path.write_bytes((await download(retention, export)).content)
    return path


async def public_key(retention):
    return (await retention.client.get("/v1/signing-key")).json()["public_pem"].encode()


def lines(path, name):
    return [json.loads(line) for line in content(path, name).decode().splitlines()]


async def a_worked_hit(retention, source="state", at=NOON, number=1, plate="7ABC123"):
    """Return the events of a read with a hit that an officer verified and disposed of twice."""
    read = a_read(plate, at)
    hit_id = UUID(int=number)
    hit = a_hit(read, hit_id=hit_id, source=source)
    named = {"hit_id": hit_id, "read_id": read.read_id, "captured_on": at.date()}
    verified = HitVerified(
        occurred_at=at + timedelta(minutes=1), verified_by=OFFICER, method="CLETS", reference="T26-1",
        outcome="misread", note="an O, not a 0", **named,
    )  # fmt: skip
    disposed = [
        HitDisposed(
            occurred_at=at + timedelta(minutes=minutes), disposed_by=OFFICER, disposition=what,
            enforcement=False, **named,
        )
        for minutes, what in ((2, "watched"), (3, "let go"))
    ]  # fmt: skip
    await retention.store(read, verified, hit, *disposed)  # in any order
    return read, hit, verified, disposed


class Page(HTMLParser):
    """A page as a browser sees it: its elements, and its text without them."""

    def __init__(self, path, name):
        super().__init__()
        self.html = content(path, f"data/{name}").decode()
        self.elements, self._words = [], []
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self._words += data.split()

    @property
    def text(self):
        return " ".join(self._words)

    def of(self, element, attribute):
        return [attrs[attribute] for tag, attrs in self.elements if tag == element]
