import cv2
import numpy as np
import pytest

from scenes.footage import FILMS, NoFootage, footage, is_film, write_film


def shades(count, *, size=(64, 48)):
    """Return frames whose brightness is their number."""
    return (np.full((size[1], size[0], 3), 8 * place, np.uint8) for place in range(count))


def number(still):
    """Return which of `shades` a still shows, within the error of a film's compression."""
    picture = cv2.imdecode(np.frombuffer(still.content, np.uint8), cv2.IMREAD_COLOR)
    return round(float(picture.mean()) / 8)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "a film.mp4"
    assert write_film(path, shades(30), frames_per_s=10) == 30
    return path


@pytest.mark.parametrize(
    ("per_s", "numbers"),
    [
        (1, [0, 10, 20]),
        (2, [0, 5, 10, 15, 20, 25]),
        (3, [0, 3, 7, 10, 13, 17, 20, 23, 27]),
        (10, list(range(30))),
        (60, list(range(30))),
        (0.1, [0]),
    ],
)
def test_a_film_gives_its_frames_at_the_rate_asked_for(film, per_s, numbers):
    stills = list(footage(film, per_s=per_s))
    assert [number(still) for still in stills] == numbers
    assert [still.at_s for still in stills] == pytest.approx([n / 10 for n in numbers])
    assert {still.media_type for still in stills} == {"image/jpeg"}
    assert [still.name for still in stills] == [f"a film-{n:06d}.jpg" for n in numbers]


def test_an_avi_is_played_too(tmp_path):
    path = tmp_path / "a.AVI"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    for frame in shades(10):
        writer.write(frame)
    writer.release()
    assert [number(still) for still in footage(path, per_s=1)] == [0, 5]


def test_a_folder_gives_its_pictures_as_they_are_by_name(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.webp", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    stills = list(footage(tmp_path, per_s=4))
    assert [(s.name, s.content, s.media_type, s.at_s) for s in stills] == [
        ("a.jpg", b"a.jpg", "image/jpeg", 0),
        ("b.PNG", b"b.PNG", "image/png", 0.25),
        ("c.webp", b"c.webp", "image/webp", 0.5),
    ]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("gone.mp4", None, "is not there"),
        ("notes.txt", b"words", "is neither a folder of pictures nor a film"),
        ("words.mp4", b"words", "is not a film that can be played"),
        ("empty.avi", b"", "is not a film that can be played"),
    ],
)
def test_a_file_that_is_not_footage_is_refused_by_name_before_the_first_frame(
    tmp_path, capfd, name, content, fault
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoFootage, match=f"{name} {fault}"):
        footage(path, per_s=1)
    assert capfd.readouterr() == ("", "")


def test_a_film_that_is_cut_off_is_named(film):
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(NoFootage, match="broken, cut off or empty"):
        footage(film, per_s=1)


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(NoFootage, match=r"holds no \.jpg"):
        footage(tmp_path, per_s=1)


@pytest.mark.parametrize("per_s", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_is_refused(film, per_s):
    with pytest.raises(NoFootage, match="cannot be sent"):
        footage(film, per_s=per_s)


def test_a_film_needs_a_frame_and_a_place(tmp_path):
    with pytest.raises(NoFootage, match="no frame"):
        write_film(tmp_path / "a.mp4", iter([]), frames_per_s=10)
    with pytest.raises(NoFootage, match="cannot be written"):
        write_film(tmp_path / "absent" / "a.mp4", shades(1), frames_per_s=10)


def test_films_are_recognised_by_their_file_names(tmp_path):
    assert all(is_film(tmp_path / f"a{end.upper()}") for end in FILMS)
    assert not is_film(tmp_path / "mp4")
