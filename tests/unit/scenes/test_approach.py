import numpy as np
import pytest

from scenes.approach import render_approach

SMALL = (640, 360)


@pytest.mark.parametrize("seed", range(6))
def test_a_plate_that_comes_closer_grows_and_stays_in_the_frame(seed):
    scenes = list(render_approach(seed, "7ABC123", frames=4, size=SMALL))
    corners = [scene.truth[0].corners for scene in scenes]
    widths = [float(np.linalg.norm(c[1] - c[0])) for c in corners]
    assert widths == sorted(widths)
    assert widths[-1] > 3 * widths[0]
    assert all((c >= 0).all() and (c <= SMALL).all() for c in corners)
    assert {scene.truth[0].plate for scene in scenes} == {"7ABC123"}


def test_a_seed_gives_the_same_frames_and_all_frames_of_it_differ():
    first, second = (
        [s.frame for s in render_approach(3, "MESA77", frames=3, condition="night", size=SMALL)]
        for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert len({frame.tobytes() for frame in first}) == 3
