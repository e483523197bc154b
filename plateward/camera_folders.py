"""The file that names the folders of cameras, for `plateward pictures`."""

import re
import tomllib
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from plateward.inbox import TimeInName, zone_of
from plateward.running import is_address
from shared.service.command import Unfinished

_DIRECTIVES = re.compile(r"%(.?)")
_ALLOWED = frozenset("YmdHMSfj")
_NEEDED = frozenset("YH")


class CameraFolder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The folder to which one camera uploads its pictures."""

    folder: Path
    credential_file: Path
    """Holds the camera's credential alone; it is read again while it is refused."""

    time_in_name: str | None = None
    """How the names of pictures have their times; None: the time at which a file was last modified counts."""

    zone: str = "UTC"
    """The IANA zone of times in names."""

    faces_deg: float | None = None
    """Of a camera in a vehicle: where it looks, clockwise from the front. Its pictures get their places by GPS."""

    def times(self) -> TimeInName | None:
        """Return the form of the names, if they have the time. Raises: ValueError naming what is wrong."""
        if self.time_in_name is None:
            return None
        found = _DIRECTIVES.findall(self.time_in_name)
        if not (set(found) <= _ALLOWED and set(found) >= _NEEDED and len(found) == len(set(found))):
            raise ValueError(
                "time_in_name: give %Y, %m and %d or %j, %H, %M, %S, perhaps %f, each once; * stands for the rest"
            )
        try:
            return TimeInName(self.time_in_name, zone_of(self.zone))
        except ValueError as exc:
            raise ValueError(f"zone: {exc}") from None


class CameraFolders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cameras by the names that the log calls them, and where ingest answers."""

    cameras: Mapping[str, CameraFolder]
    url: str | None = None
    """None: the embedded stack that runs here."""

    gpsd: str | None = None
    """Host and port of the gpsd of the vehicle that carries the cameras with `faces_deg`."""

    def gpsd_address(self) -> tuple[str, int] | None:
        """Return where gpsd answers, None if it is not named. Raises: ValueError with what is allowed."""
        if self.gpsd is None:
            return None
        wanted = ValueError("gpsd: give host and port, such as 127.0.0.1:2947")
        try:
            address = urlsplit(f"//{self.gpsd}")
            host, port = address.hostname, address.port
        except ValueError:
            raise wanted from None
        if not host or port is None or address.netloc != self.gpsd:
            raise wanted
        return host, port


def read_folders(path: Path) -> CameraFolders:
    """Read the file; folders and files in it are named from its own folder. Raises: Unfinished, naming its fault."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        read = msgspec.convert(content, CameraFolders, dec_hook=_path_of)
    except UnicodeDecodeError:
        raise Unfinished(f"{path}: save it as UTF-8; it has a byte of another encoding") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise Unfinished(f"{path}: {exc}") from None
    if not read.cameras:
        raise Unfinished(f"{path}: it names no camera; begin with [cameras.NAME]")
    if read.url is not None and not is_address(read.url):
        raise Unfinished(f"{path}: url: give an address, such as https://alpr.example.gov/ingest")
    base = path.absolute().parent
    try:
        address = read.gpsd_address()
    except ValueError as exc:
        raise Unfinished(f"{path}: {exc}") from None
    cameras = {name: _checked(path, name, one, base) for name, one in read.cameras.items()}
    _check_apart(path, cameras)
    in_vehicle = [name for name, one in cameras.items() if one.faces_deg is not None]
    if in_vehicle and address is None:
        raise Unfinished(f"{path}: {in_vehicle[0]}: faces_deg needs gpsd, the host and port of it")
    if address is not None and not in_vehicle:
        raise Unfinished(f"{path}: gpsd: give faces_deg of the cameras in the vehicle")
    return CameraFolders(cameras, read.url, read.gpsd)


def _checked(path: Path, name: str, one: CameraFolder, base: Path) -> CameraFolder:
    """Return what is said of a camera with whole paths. Raises: Unfinished."""
    one = msgspec.structs.replace(
        one, folder=(base / one.folder).resolve(), credential_file=base / one.credential_file
    )
    if not one.folder.is_dir():
        raise Unfinished(f"{path}: {name}: {one.folder} is no folder")
    if one.faces_deg is not None and not 0 <= one.faces_deg < 360:
        raise Unfinished(f"{path}: {name}: faces_deg: give degrees from 0 to below 360")
    try:
        one.times()
    except ValueError as exc:
        raise Unfinished(f"{path}: {name}: {exc}") from None
    return one


def _check_apart(path: Path, cameras: Mapping[str, CameraFolder]) -> None:
    """Check that no picture lies in the folders of two cameras. Raises: Unfinished."""
    for (name, one), (other_name, other) in permutations(cameras.items(), 2):
        if one.folder.is_relative_to(other.folder):
            raise Unfinished(
                f"{path}: the folder of {name} lies in that of {other_name}: each camera needs its own"
            )


def _path_of(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError("give a path as text")
