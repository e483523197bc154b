"""The verifier names each of many random mutations of exports, databases and packages.

Smoke size here; `make test-mutations` runs 1,000 (COUNT=, SEED=). Each run is repeated by its seed.
"""

import json
import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from services.audit.actions.verify import verify_export
from tests.integration.audit.conftest import audit_settings, runtime
from tests.integration.mutation.kinds import KINDS, OF_VALUES
from tests.integration.mutation.logs import Live, later, make_source
from tests.integration.mutation.packages import PACKAGE_KINDS, make_packages, verdict_on

__all__ = ["audit_settings", "runtime"]

COUNT = int(os.environ.get("MUTATIONS", "112"))
SEED = int(os.environ.get("SEED") or Random().randrange(1 << 32))
REPORT = os.environ.get("MUTATIONS_REPORT")
EACH = -(-COUNT // len(KINDS))


@pytest.fixture
async def source(runtime, clock):
    await runtime.start()
    yield await make_source(runtime, clock)
    await runtime.stop()


@pytest.fixture
async def live(source, as_owner):
    database = Live(source, as_owner)
    await database.prepare()
    return database


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.clause("468.7/package")
async def test_every_random_mutation_is_detected_at_its_place(source, live, clock, tmp_path):
    print(f"mutations: COUNT={EACH * len(KINDS)} SEED={SEED}")
    packages = make_packages(tmp_path)
    counts, missed = Counter(), []
    for number in range(EACH):
        for kind in KINDS:
            rng = Random(f"{SEED}/{kind}/{number}")
            subject = rng.choices(("export", "live", "package"), (60, 25, 15))[0]
            fault = await mutate(rng, kind, subject, source, live, packages, later(clock))
            counts[kind] += 1
            counts[subject] += 1
            if fault is not None:
                missed.append(f"{kind} {number} of {subject}: {fault}")
    report = {
        "seed": SEED,
        "mutations": EACH * len(KINDS),
        "named": EACH * len(KINDS) - len(missed),
        "kinds": {kind: counts[kind] for kind in KINDS},
        "subjects": {subject: counts[subject] for subject in ("export", "live", "package")},
    }
    if REPORT:
        Path(REPORT).write_text(json.dumps(report))
    assert not missed, "\n".join([f"SEED={SEED}", *missed[:20], f"{len(missed)} in all"])


async def mutate(rng, kind, subject, source, live, packages, now):
    """Mutate one subject; return the fault of the verdict, or None."""
    if subject == "package":
        return package_mutation(rng, kind, packages)
    exports = [one for one in source.exports if one.opening.values or kind not in OF_VALUES]
    image = (source.live if subject == "live" else rng.choice(exports)).copy()
    touched = KINDS[kind](rng, image)
    touched.entries += image.unanswered()
    if subject == "live":
        verdict = await live.verify(image, touched.kept, now)
    else:
        lines = image.export().splitlines(keepends=True)
        verdict = verify_export(lines, [source.key], touched.kept)
    if verdict.ok:
        return f"{touched.how}: not refused"
    first = verdict.faults[0]
    if not touched.has(first.seq, first.until, first.size, first.line):
        return f"{touched.how}: names {first} instead of {touched.entries} {touched.sizes}"
    return None


def package_mutation(rng, kind, packages):
    """Mutate one package; return the fault of the verdict, or None."""
    package = rng.choice(packages)
    path, files = PACKAGE_KINDS[kind](rng, package)
    faults = verdict_on(path, package)
    if not faults:
        return f"{sorted(files)}: not refused"
    if not any(name in faults[0] for name in files):
        return f"names {faults[0]!r} instead of {sorted(files)}"
    return None


async def test_an_unmutated_export_or_package_verifies(source, live, clock, tmp_path):
    for image in source.exports:
        found = verify_export(image.export().splitlines(keepends=True), [source.key])
        assert found.ok, found.faults
        assert (found.values > 0) is image.opening.values
        assert (found.left_out > 0) is not image.opening.values
    whole = next(image for image in source.exports if image.opening.values)
    found = verify_export(whole.export().splitlines(keepends=True), [source.key])
    assert [one.groups > 10 for one in found.erased] == [True, True]
    erasing = [i.seq for i in whole.items if b'"type":"alpr.values.erased.' in i.content]
    assert len({source.live.seed_at(seq + 1) for seq in erasing}) == 2, "of two keys' times"
    found = await live.verify(source.live, (), later(clock))
    assert found.ok, found.faults
    assert (found.values > 0, len(found.erased)) == (True, 2)
    for package in make_packages(tmp_path):
        assert not verdict_on(package.path, package)
