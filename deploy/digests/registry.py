"""Asks a registry for the digest of a tag: the OCI distribution API, with its flow of tokens."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from local.stack.process import LocalError

KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""The accepted kinds of manifests, an index of all platforms first: its digest fits every machine."""

TIMEOUT_S = 30.0
CREDENTIALS = Path.home() / ".docker" / "config.json"


class RegistryFault(LocalError):
    """A registry did not give a digest; the message names the image and the reason."""


@dataclass(frozen=True)
class Place:
    """Where an image is: a registry, a repository there, and a tag."""

    registry: str
    repository: str
    tag: str

    @classmethod
    def of(cls, image: str, default: str | None) -> "Place":
        """Return the place of NAME:TAG; a name without a host is in the registry `default`.

        Raises: RegistryFault without one.
        """
        name, _, tag = image.rpartition(":")
        host, _, rest = name.partition("/")
        if rest and (host == "localhost" or "." in host or ":" in host):
            return cls(host, rest, tag)
        if default is None:
            raise RegistryFault(f"{image} names no registry: say with --registry which one has it")
        return cls(default, name if rest else f"library/{name}", tag)

    @property
    def url(self) -> str:
        """The address of its manifest; without TLS only on this machine."""
        scheme = "http" if _is_here(self.registry) else "https"
        return f"{scheme}://{self.registry}/v2/{self.repository}/manifests/{self.tag}"


@dataclass
class Registries:
    """Registries, with the credentials that docker stored for them, if any."""

    client: httpx.Client
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`user:password` in base64, by registry."""

    def digest(self, image: str, default: str | None) -> str:
        """Return the digest of what a tag names now, as sha256:HEX. Raises: RegistryFault."""
        place = Place.of(image, default)
        try:
            answer = self._answer(place)
        except httpx.HTTPError as exc:
            raise RegistryFault(f"{image}: {place.registry} does not answer: {exc}") from exc
        if answer.status_code != httpx.codes.OK:
            raise RegistryFault(f"{image}: {place.registry} answers {answer.status_code}")
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind not in KINDS:
            raise RegistryFault(f"{image}: {place.registry} answers with {kind or 'no type'}")
        digest = f"sha256:{sha256(answer.content).hexdigest()}"
        if answer.headers.get("docker-content-digest", digest) != digest:
            raise RegistryFault(f"{image}: {place.registry} names another digest than it sends")
        return digest

    def _answer(self, place: Place) -> httpx.Response:
        headers = {"Accept": ", ".join(KINDS)}
        answer = self.client.get(place.url, headers=headers)
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            return answer
        wanted = answer.headers.get("www-authenticate", "")
        given = self.credentials.get(place.registry)
        if wanted.lower().startswith("bearer"):
            headers["Authorization"] = f"Bearer {self._token(place, wanted, given)}"
        elif given is not None:
            headers["Authorization"] = f"Basic {given}"
        return self.client.get(place.url, headers=headers)

    def _token(self, place: Place, wanted: str, given: str | None) -> str:
        """Return a token to read a repository, from the service that the registry names."""
        asked = dict(re.findall(r'(\w+)="([^"]*)"', wanted))
        realm = asked.get("realm", "")
        there = urlsplit(realm)
        if there.scheme != "https" and not _is_here(there.netloc):
            raise RegistryFault(f"{place.registry} sends tokens without TLS, from {realm!r}")
        query = {
            "service": asked.get("service", ""),
            "scope": f"repository:{place.repository}:pull",
        }
        headers = {} if given is None else {"Authorization": f"Basic {given}"}
        answer = self.client.get(realm, params=query, headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise RegistryFault(
                f"{there.netloc} gives no token for {place.repository}: it answers {answer.status_code}"
            )
        tokens = answer.json()
        token = tokens.get("token") or tokens.get("access_token")
        if not isinstance(token, str):
            raise RegistryFault(f"{there.netloc} gives no token for {place.repository}")
        return token


def stored_credentials(file: Path = CREDENTIALS) -> dict[str, str]:
    """Return what `docker login` stored in its file, by registry; what a credential helper has is not read."""
    try:
        entries = json.loads(file.read_text()).get("auths", {})
    except FileNotFoundError:
        return {}
    return {
        urlsplit(name).netloc or name: entry["auth"]
        for name, entry in entries.items()
        if _is_basic(entry.get("auth"))
    }


def _is_basic(auth: object) -> bool:
    return isinstance(auth, str) and b":" in base64.b64decode(auth)


def _is_here(registry: str) -> bool:
    return registry.partition(":")[0] in {"localhost", "127.0.0.1"}
