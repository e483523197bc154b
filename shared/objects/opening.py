"""Opens the object store of a URL."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import S3Store

from shared.objects.local import LocalObjects
from shared.objects.obstore_objects import ObstoreObjects
from shared.objects.store import ObjectStore

if TYPE_CHECKING:
    from obstore.store import S3Config


def open_store(url: str, s3: "S3Config | None" = None) -> ObjectStore:
    """Open the store at `url`: file:///folder (created if absent) or s3://bucket/prefix.

    `s3`: what replaces the AWS_… variables of the environment. Raises: ValueError for another scheme.
    """
    address = urlsplit(url)
    if address.scheme == "file":
        return LocalObjects(Path(unquote(address.path)))
    if address.scheme == "s3":
        prefix = address.path.strip("/") or None
        return ObstoreObjects(S3Store(address.netloc, prefix=prefix, config=s3))
    message = f"an object store is file:// or s3://, not {address.scheme!r}"
    raise ValueError(message)
