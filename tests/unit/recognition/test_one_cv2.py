"""ADR-0001: two distributions with a `cv2` would overwrite each other."""

from importlib.metadata import files, packages_distributions, requires, version

from packaging.requirements import Requirement

REQUIRED = "opencv-contrib-python"


def test_cv2_comes_from_one_distribution():
    assert set(packages_distributions()["cv2"]) == {"opencv-python-headless"}


def test_the_opencv_shim_has_the_required_version_and_contains_no_code():
    wanted = {
        Requirement(line).specifier
        for line in requires("paddlex") or []
        if Requirement(line).name == REQUIRED
    }
    assert wanted, "paddlex no longer asks for it: the shim can go"
    assert all(version(REQUIRED) in specifier for specifier in wanted)
    assert not [path for path in files(REQUIRED) or [] if path.suffix in {".py", ".so"}]
