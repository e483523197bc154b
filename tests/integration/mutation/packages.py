"""Packages, made by the writer that releases and evidence use, and their mutations.

Each carries a checkpoint of the audit log. Some mutations falsify it in a package that the department's own
key signs: only the log's public key shows those.
"""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from services.retention.domain.bag import (
    CHECKPOINT,
    KEY,
    LOG_SIGNED_AT,
    LOG_SIZE,
    MANIFEST,
    SIGNATURE,
    TAG_MANIFEST,
    BagWriter,
)
from services.retention.domain.signing import Signer, load_public
from services.retention.domain.verifying import verify_package
from shared.core.signed_notes import Checkpoint
from shared.core.signed_notes import Signer as LogSigner

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WHOLE = "cannot be read as a package"
SIGNED = "signature"
"""Words of the faults that name no file."""

LOG = "example.org/audit/2"
LOG_SIGNER = LogSigner(LOG, bytes(range(32)))
NOTE = f"data/{CHECKPOINT}"


def checkpoint(size: int, signer: LogSigner = LOG_SIGNER, origin: str = LOG) -> bytes:
    """Return a checkpoint of a log, as a note."""
    root = hashlib.sha256(f"{size}".encode()).digest()
    return signer.sign(Checkpoint(origin, size, root, root, size - 3).text).encode()


@dataclass
class Package:
    """A package, its signer, and another genuine one of the same department."""

    path: Path
    signer: Signer
    files: dict[str, bytes]
    other: dict[str, bytes]
    top: str


def make_packages(folder: Path) -> list[Package]:
    """Return packages of a release and of evidence, each signed with another key of the department."""
    keys = [Signer.new(), Signer.new()]
    made = []
    for cover, signer in (("request.json", keys[0]), ("evidence.json", keys[1])):
        paths = [_write(folder, cover, signer, number) for number in range(2)]
        files = [_read(path) for path in paths]
        top = zipfile.ZipFile(paths[0]).namelist()[0].split("/", 1)[0]
        made.append(Package(paths[0], signer, files[0], files[1], top))
    return made


def _write(folder: Path, cover: str, signer: Signer, number: int) -> Path:
    rng = Random(f"{cover}{number}")
    path = folder / f"{cover}-{number}.zip"
    bag = BagWriter(path, f"alpr-{cover.removesuffix('.json')}", NOON)
    contents = {
        cover: b'{"purpose": "a stolen vehicle", "number": %d}' % number,
        "records.jsonl": b"".join(
            b'{"read": %d, "plate": "7ABC%03d"}\n' % (n, n + number) for n in range(20)
        ),
        "records.csv": b"".join(b"%d,7ABC%03d\r\n" % (n, n + number) for n in range(20)),
        **{f"images/{n}.jpg": rng.randbytes(200) for n in range(4)},
        CHECKPOINT: checkpoint(400 + number),
    }
    for name, content in contents.items():
        with bag.file(name) as file:
            file.write(content)
    of_log = {LOG_SIZE: str(400 + number), LOG_SIGNED_AT: NOON.isoformat()}
    bag.finish({"Source-Organization": "Corning Police Department", **of_log}, signer)
    return path


def _read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


def _save(package: Package, files: dict[str, bytes]) -> Path:
    path = package.path.with_name("mutated.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{package.top}/{name}", content)
    return path


def verdict_on(path: Path, package: Package) -> list[str]:
    """Return the faults, by the department's key of the package's time and the log's."""
    key = load_public(package.signer.public_pem.encode())
    return verify_package(path, key, log_keys=[LOG_SIGNER.verifier]).faults


def _named(*names: str) -> set[str]:
    """Return the names of these files in a fault."""
    signed = {SIGNED} if {KEY, SIGNATURE, TAG_MANIFEST} & set(names) else set()
    return set(names) | signed


def edit(rng: Random, package: Package):
    files = dict(package.files)
    name = rng.choice(sorted(files))
    content = bytearray(files[name])
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(7)
    files[name] = bytes(content)
    return _save(package, files), _named(name)


def delete(rng: Random, package: Package):
    name = rng.choice(sorted(package.files))
    return _save(package, {n: c for n, c in package.files.items() if n != name}), _named(name)


def insert(rng: Random, package: Package):
    name = f"{rng.choice(['data/', '', 'data/images/'])}more{rng.randrange(1000)}.jpg"
    return _save(package, package.files | {name: rng.randbytes(50)}), _named(name)


def reorder(rng: Random, package: Package):
    name = rng.choice(["data/records.jsonl", "data/records.csv", MANIFEST, TAG_MANIFEST])
    lines = package.files[name].splitlines(keepends=True)
    one, two = rng.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]
    return _save(package, package.files | {name: b"".join(lines)}), _named(name)


def truncate(rng: Random, package: Package):
    if rng.random() < 0.5:
        path = package.path.with_name("mutated.zip")
        whole = package.path.read_bytes()
        path.write_bytes(whole[: rng.randrange(len(whole) - 1)])
        return path, {WHOLE}
    name = rng.choice(sorted(package.files))
    content = package.files[name]
    cut = content[: rng.randrange(len(content))]
    return _save(package, package.files | {name: cut}), _named(name)


def fork(rng: Random, package: Package):
    """Make the whole anew around another record, signed by a stranger."""
    return _save(package, _anew(rng, package, Signer.new())), {SIGNED}


def _anew(rng: Random, package: Package, signer: Signer, name: str | None = None):
    files = dict(package.files)
    changed = name or rng.choice([n for n in sorted(files) if n.startswith("data/")])
    files[changed] += b"!"
    return _signed(files, signer)


def _signed(files: dict[str, bytes], signer: Signer) -> dict[str, bytes]:
    """Return the files with manifests and signature made anew."""
    files = {**files, KEY: signer.public_pem.encode()}
    files[MANIFEST] = _manifest(files, lambda n: n.startswith("data/"))
    tags = _manifest(
        files, lambda n: not n.startswith("data/") and n not in (TAG_MANIFEST, SIGNATURE)
    )
    return files | {TAG_MANIFEST: tags, SIGNATURE: signer.sign(tags)}


def _manifest(files: dict[str, bytes], among: Callable[[str], bool]) -> bytes:
    named = sorted(name for name in files if among(name))
    return b"".join(
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n".encode() for name in named
    )


def replay(rng: Random, package: Package):
    """Put in a file of another genuine package of the same department."""
    name = rng.choice(
        [n for n in sorted(package.files) if package.files[n] != package.other.get(n)]
    )
    return _save(package, package.files | {name: package.other[name]}), _named(name)


def swap(rng: Random, package: Package):
    one, two = rng.sample([n for n in sorted(package.files) if n.startswith("data/")], 2)
    files = dict(package.files)
    files[one], files[two] = files[two], files[one]
    return _save(package, files), _named(one, two)


def strip(rng: Random, package: Package):
    files = dict(package.files)
    how = rng.choice(["gone", "empty", "zero"])
    if how == "gone":
        del files[SIGNATURE]
    else:
        files[SIGNATURE] = b"" if how == "empty" else bytes(64)
    return _save(package, files), _named(SIGNATURE)


def stale(rng: Random, package: Package):
    """Put in the manifests and the signature of an older genuine package."""
    names = (MANIFEST, TAG_MANIFEST, SIGNATURE)
    files = package.files | {name: package.other[name] for name in names}
    changed = {n for n, c in package.files.items() if c != package.other[n]}
    return _save(package, files), _named(*names, *changed)


def forged(rng: Random, package: Package):
    """Change a file and make the manifests anew; the signature is the old one, or a stranger's."""
    files = _anew(rng, package, Signer.new())
    files[KEY] = package.files[KEY]
    if rng.random() < 0.5:
        files[SIGNATURE] = package.files[SIGNATURE]
    return _save(package, files), {SIGNED}


def keys(rng: Random, package: Package):
    """Sign with a key that is not the department's of that time, or put another key beside it."""
    stranger = Signer.new()
    if rng.random() < 0.5:
        files = package.files | {SIGNATURE: stranger.sign(package.files[TAG_MANIFEST])}
        return _save(package, files), _named(SIGNATURE)
    return _save(package, package.files | {KEY: stranger.public_pem.encode()}), _named(KEY)


def _with_checkpoint(package: Package, note: bytes | None, size: int | None = None):
    """Return the package with another checkpoint or none, signed by the department as if it were right."""
    files = {name: content for name, content in package.files.items() if name != NOTE}
    if note is not None:
        files[NOTE] = note
    if size is not None:
        was = f"{LOG_SIZE}: 400\n".encode()
        files["bag-info.txt"] = files["bag-info.txt"].replace(was, f"{LOG_SIZE}: {size}\n".encode())
    return _save(package, _signed(files, package.signer)), {CHECKPOINT}


def value_edit(rng: Random, package: Package):
    """Change a character in the checkpoint."""
    note = bytearray(package.files[NOTE])
    place = rng.choice([n for n, byte in enumerate(note) if 33 <= byte < 127])
    note[place] = rng.choice([b for b in b"abcXYZ0189" if b != note[place]])
    return _with_checkpoint(package, bytes(note))


def value_delete(rng: Random, package: Package):
    """Remove the checkpoint, or its signatures."""
    how = rng.choice(["none", "empty", "unsigned", "half"])
    note = package.files[NOTE]
    kept = {
        "none": None,
        "empty": b"",
        "unsigned": note.rpartition(b"\n\n")[0] + b"\n\n",
        "half": note[: rng.randrange(1, len(note) - 1)],
    }
    return _with_checkpoint(package, kept[how])


def value_insert(rng: Random, package: Package):
    """Insert a line in the checkpoint, or a stranger's signature beside the log's."""
    note = package.files[NOTE]
    stranger = LogSigner(rng.choice([LOG, "example.org/other"]), rng.randbytes(32))
    if rng.random() < 0.5:
        return _with_checkpoint(package, note + checkpoint(400, stranger).rpartition(b"\n\n")[2])
    lines = note.split(b"\n")
    lines.insert(rng.randrange(1, 6), b"previous %d" % rng.randrange(400))
    return _with_checkpoint(package, b"\n".join(lines))


def value_swap(rng: Random, package: Package):
    """Put in another log's checkpoint, a stranger's, or a genuine one of another size than the package names."""
    how = rng.choice(["log", "stranger", "size"])
    size = rng.randint(1, 399)
    if how == "size":
        return _with_checkpoint(package, checkpoint(size))
    origin = "example.org/other" if how == "log" else LOG
    signer = (
        LOG_SIGNER if how == "log" and rng.random() < 0.5 else LogSigner(LOG, rng.randbytes(32))
    )
    return _with_checkpoint(package, checkpoint(size, signer, origin), size)


PACKAGE_KINDS = {
    kind.__name__: kind
    for kind in (
        edit,
        delete,
        insert,
        reorder,
        truncate,
        fork,
        replay,
        swap,
        strip,
        stale,
        forged,
        keys,
        value_edit,
        value_delete,
        value_insert,
        value_swap,
    )
}
