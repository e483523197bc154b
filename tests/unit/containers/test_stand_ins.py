"""The stand-ins for public images."""

import re

from deploy.containers.stand_ins import BASES, IMAGES, STAND_INS, pip_settings
from tests.deploy.reading import ROOT, compose

INDEX = "the address of an index"
LISTED = f"""\
:env:.default-timeout='180'
:env:.find-links='/opt/wheels'
global.cert='/somewhere/else.pem'
global.index-url='{INDEX}'
install.trusted-host='packages'
"""


def test_a_stand_in_is_made_for_every_public_image_that_compose_starts() -> None:
    started = [
        c for c in compose()["services"].values() if "observability" not in c.get("profiles", [])
    ]
    public = {c["image"] for c in started if not c["image"].startswith("plateward/")}
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    [python] = re.findall(r"^ARG PYTHON=(.+)$", dockerfile, re.MULTILINE)
    assert {one.image for one in STAND_INS} == {*public, f"python:{python}"}


def test_a_stand_in_is_built_upon_a_base_that_is_made_here() -> None:
    for one in STAND_INS:
        text = (IMAGES / one.folder / "Dockerfile").read_text()
        assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= set(BASES)
        assert set(re.findall(r"--from=(\S+)", text)) == set(one.contexts)


def test_builds_reach_the_package_index_as_the_machine_does() -> None:
    assert pip_settings(LISTED).splitlines() == [
        "[global]",
        "cert = /etc/ssl/certs/ca-certificates.crt",
        f"index-url = {INDEX}",
        "trusted-host = packages",
    ]


def test_a_machine_without_settings_of_its_own_gives_none() -> None:
    assert pip_settings("") == "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n"
