"""Progress bars for slow steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.demo.frames import rendered
from local.demo.story import Frame


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """Show progress bars. Yields a function that adds a bar (name, total) and returns its `advance`."""
    columns = (
        TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:

        def bar(name: str, total: int) -> Callable[[], None]:
            task = progress.add_task(name, total=total)
            return lambda: progress.advance(task)

        yield bar


def render_all(count: int, seed: int, console: Console) -> list[Frame]:
    """Render the scenes with a progress bar."""
    frames: list[Frame] = []
    with bars(console) as bar:
        step = bar("rendering scenes", count)
        for frame in rendered(count, seed):
            frames.append(frame)
            step()
    return frames
