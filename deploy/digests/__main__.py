"""`python -m deploy.digests`: pin the images that the deployment files name by the digests that registries give.

Exit status 1 if a tag names another digest than before, or --check finds a difference; nothing is written then.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from deploy.digests.named import OVERLAY, Named, named_images
from deploy.digests.pins import changed, read_pins, written
from deploy.digests.registry import TIMEOUT_S, Registries, stored_credentials
from local.stack.process import LocalError


def main(arguments: Sequence[str] | None = None) -> int:
    """Write digests, or check them."""
    given = _parser().parse_args(arguments)
    try:
        named = named_images(given.overlay)
        before = read_pins()
        if given.check and given.registry is None:
            return _checked(_differences(named, before))
        now = _fetched(named, given.registry)
    except (LocalError, ValueError) as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 2
    moved = [one for one in changed(before, now) if given.check or one not in given.renew]
    lines = [
        f"{image}: the tag names {now[image]}, and before {before[image]}; if that is wanted: --renew {image}"
        for image in moved
    ]
    if given.check:
        return _checked([*_differences(named, before), *lines])
    if moved:
        print("\n".join(lines), file=sys.stderr)
        return 1
    for path, content in written(named, now).items():
        path.write_text(content)
    print(f"{len(now)} images are pinned")
    if not named.own:
        print(f"the services' own images are not: {given.overlay} names no registry (newName)")
    return 0


def _fetched(named: Named, registry: str | None) -> dict[str, str]:
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client:
        registries = Registries(client, stored_credentials())
        return {image: registries.digest(image, registry) for image in named.all()}


def _differences(named: Named, pins: Mapping[str, str]) -> list[str]:
    """Return what the files say otherwise than the digests of the images that are named now."""
    images = set(named.all())
    return [
        *(f"{image} has no digest" for image in sorted(images - pins.keys())),
        *(f"{image} has a digest, and no file names it" for image in sorted(pins.keys() - images)),
        *(
            f"{path} is not what digests.json says: run `make digests`"
            for path, content in written(named, pins).items()
            if path.read_text() != content
        ),
    ]


def _checked(lines: Sequence[str]) -> int:
    if lines:
        print("\n".join(lines), file=sys.stderr)
        return 1
    print("every image has its digest")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.digests", description=__doc__)
    parser.add_argument(
        "--registry", help="HOST of the registry, or of a mirror, for images that name none"
    )
    parser.add_argument(
        "--overlay",
        type=Path,
        default=OVERLAY,
        help="the department's overlay, whose images are read",
    )
    parser.add_argument(
        "--renew",
        action="append",
        default=[],
        metavar="IMAGE",
        help="accept a new digest of NAME:TAG",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing, compare; without --registry the files alone",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
