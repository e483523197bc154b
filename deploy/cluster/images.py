"""The images of a cluster of our own: built by Docker Engine, handed to each node's containerd."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.cluster.node import SANDBOX
from deploy.cluster.place import ROOT, Place
from deploy.cluster.programs import programs
from deploy.containers.engine import docker_command
from deploy.containers.stand_ins import STAND_INS
from local.stack.process import run_to_end
from services.registry import SPECS

TAG = "0.1.0"
"""The tag of the services' images in deploy/k8s/overlays/example."""

SERVICES = tuple(f"plateward/{name}:{TAG}" for name in SPECS)
COREDNS = "plateward-stand-in/coredns:1"
BASES = ("python:",)
"""Stand-ins that images are built from and no pod runs."""

STORES = tuple(one.image for one in STAND_INS if not one.image.startswith(BASES))
IMAGES = (*SERVICES, *STORES, COREDNS, SANDBOX.removeprefix("docker.io/"))
_HERE = Path(__file__).with_name("images")


def archive(folder: Path) -> Path:
    """Build all images; returns a folder with their ids by name (`ids.json`) and an archive of all (`images.tar`).

    Raises: LocalError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids, saved = folder / "ids.json", folder / "images.tar"
    with docker_command() as docker:
        for name in SPECS:
            build = ["--build-arg", f"SERVICE={name}", "--file", "deploy/Dockerfile"]
            _build(docker, f"plateward/{name}:{TAG}", [*build, "."])
        context = f"--build-context=programs={Path(programs(['coredns'])['coredns']).parent}"
        _build(docker, COREDNS, [context, str(_HERE / "coredns")])
        _build(docker, IMAGES[-1], [str(_HERE / "sandbox")])
        found = {name: _id(docker, name) for name in IMAGES}
        if not ids.exists() or json.loads(ids.read_text()) != found:
            ids.unlink(missing_ok=True)
            run_to_end([docker, "save", "--output", str(saved), *IMAGES], "images not saved")
            ids.write_text(json.dumps(found))
    return folder


def hand_over(folder: Path, place: Place) -> None:
    """Give a node the images of `archive`, unless it has them. Raises: LocalError."""
    has, wanted = place.folder / "images.json", (folder / "ids.json").read_text()
    if has.exists() and has.read_text() == wanted:
        return
    place.run("ctr", "--namespace=k8s.io", "images", "import", str(folder / "images.tar"))
    has.write_text(wanted)


def _build(docker: str, image: str, arguments: Sequence[str]) -> None:
    run_to_end(
        [docker, "build", "--quiet", "--tag", image, *arguments],
        f"{image} could not be built",
        cwd=ROOT,
        env={**os.environ, "PWD": str(ROOT)},
    )


def _id(docker: str, image: str) -> str:
    """Return an image's id; pulls it if the engine lacks it, as the machine's own may."""
    command = [docker, "image", "inspect", "--format", "{{.Id}}", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        run_to_end([docker, "pull", "--quiet", image], f"there is no image {image}")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
