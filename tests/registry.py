"""A registry of images as a process of its own, and small images by hand, for tests."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.go import installed
from local.stack.process import LOOPBACK, Child, free_port, listens

PROGRAM = "github.com/google/go-containerregistry/cmd/registry", "v0.22.1"
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "registry"

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest_of(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Image:
    """An image of one layer for one platform."""

    layer: bytes
    platform: str = "amd64"

    @property
    def config(self) -> bytes:
        layers = {"type": "layers", "diff_ids": [digest_of(self.layer)]}
        return json.dumps({"architecture": self.platform, "os": "linux", "rootfs": layers}).encode()

    @property
    def manifest(self) -> bytes:
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": described(CONFIG, self.config),
                "layers": [described(LAYER, self.layer)],
            }
        ).encode()


def described(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


def index_of(*images: Image) -> bytes:
    """Return the index of one image for several platforms."""
    manifests = [
        {
            **described(MANIFEST, image.manifest),
            "platform": {"os": "linux", "architecture": image.platform},
        }
        for image in images
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()


class Registry:
    """A registry that holds images in memory; a context manager."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        program = installed(*PROGRAM, CACHE)
        self._child = Child("the registry", [str(program), "-port", str(self.port)], log=log)
        self._client = httpx.Client(base_url=f"http://{self.host}", timeout=10)

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        self._child.start()
        self._child.wait_ready(lambda: listens(self.port))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        self._child.stop()

    def push(self, repository: str, tag: str, *images: Image) -> str:
        """Push an index of images; return its digest."""
        for image in images:
            for blob in (image.layer, image.config):
                self._push_blob(repository, blob)
            self._put(repository, digest_of(image.manifest), MANIFEST, image.manifest)
        index = index_of(*images)
        self._put(repository, tag, INDEX, index)
        return digest_of(index)

    def _push_blob(self, repository: str, content: bytes) -> None:
        begun = self._client.post(f"/v2/{repository}/blobs/uploads/")
        assert begun.status_code == 202, begun.text
        done = self._client.put(
            begun.headers["location"], params={"digest": digest_of(content)}, content=content
        )
        assert done.status_code == 201, done.text

    def _put(self, repository: str, reference: str, kind: str, content: bytes) -> None:
        done = self._client.put(
            f"/v2/{repository}/manifests/{reference}",
            content=content,
            headers={"Content-Type": kind},
        )
        assert done.status_code == 201, done.text
