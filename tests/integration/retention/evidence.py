"""Exports of evidence: written as files, and read as an outsider reads them."""

import json

from tests.integration.retention.exporting import (
    download,
)
from tests.integration.retention.packaging import content


async def written(retention, export, path):
    """Write the package to a file, as to a medium."""
    path.write_bytes((await download(retention, export)).content)
    return path


async def public_key(retention):
    return (await retention.client.get("/v1/signing-key")).json()["public_pem"].encode()


def lines(path, name):
    return [json.loads(line) for line in content(path, name).decode().splitlines()]
