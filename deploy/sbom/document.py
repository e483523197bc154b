"""Writes what an image holds as CycloneDX 1.6."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from deploy.sbom.content import Content, Distribution
from deploy.sbom.locked import Locked, hashes_of

LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Subject:
    """The image that is listed."""

    service: str
    version: str
    commit: str
    """The commit it was built from."""

    made_at: datetime


def document(subject: Subject, content: Content, locked: Mapping[str, Locked]) -> str:
    """Return the document as JSON; the same image, commit and time give the same document."""
    image = Component(
        type=ComponentType.CONTAINER,
        name=f"plateward/{subject.service}",
        version=subject.version,
        bom_ref="image",
        licenses=[DisjunctiveLicense(id=LICENCE)],
        properties=[
            Property(name="plateward:commit", value=subject.commit),
            Property(name="plateward:code-sha256", value=content.code_digest),
        ],
    )
    held = list(_components(content, locked))
    bom = Bom(
        components=held,
        serial_number=uuid5(
            NAMESPACE_URL, f"{subject.service}@{subject.commit}/{content.code_digest}"
        ),
    )
    bom.metadata.component = image
    bom.metadata.timestamp = subject.made_at
    bom.register_dependency(image, held)
    return str(JsonV1Dot6(bom).output_as_string(indent=1))


def invalid(text: str) -> str | None:
    """Return how a document differs from CycloneDX's schema; None if it does not."""
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return None if found is None else str(found.data).partition("\n")[0]


def _components(content: Content, locked: Mapping[str, Locked]) -> Iterator[Component]:
    release = content.release
    system = release.get("ID", "linux")
    yield Component(
        type=ComponentType.OPERATING_SYSTEM,
        name=system,
        version=release.get("VERSION_ID"),
        bom_ref="system",
    )
    if content.python is not None:
        yield Component(
            type=ComponentType.APPLICATION,
            name="python",
            version=content.python,
            bom_ref="python",
            purl=PackageURL("generic", None, "python", content.python),
        )
    for package in content.packages:
        qualifiers = {"arch": package.architecture}
        if "VERSION_ID" in release:
            qualifiers["distro"] = f"{system}-{release['VERSION_ID']}"
        purl = PackageURL("deb", system, package.name, package.version, qualifiers)
        yield Component(
            type=ComponentType.LIBRARY,
            name=package.name,
            version=package.version,
            bom_ref=f"deb:{package.name}:{package.architecture}",
            purl=purl,
        )
    for one in content.distributions:
        yield _of_python(one, locked)
    for path, digest in sorted(content.models.items()):
        yield Component(
            type=ComponentType.MACHINE_LEARNING_MODEL,
            name=path.rpartition("/")[2],
            bom_ref=f"model:{path}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            properties=[Property(name="plateward:path", value=f"/{path}")],
        )


def _of_python(one: Distribution, locked: Mapping[str, Locked]) -> Component:
    accepted = [
        Property(name="plateward:accepted-sha256", value=digest)
        for digest in hashes_of(one, locked)
    ]
    return Component(
        type=ComponentType.LIBRARY,
        name=one.name,
        version=one.version,
        bom_ref=f"pypi:{one.folder}:{one.name}",
        purl=PackageURL("pypi", None, one.name, one.version),
        licenses=[DisjunctiveLicense(name=one.licence)] if one.licence else None,
        properties=[Property(name="plateward:path", value=f"/{one.folder}"), *accepted],
    )
