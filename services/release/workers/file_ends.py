"""Ends files that were kept for their time."""

from functools import partial

from services.release.actions.file_ends import end_files
from services.release.settings import Settings
from shared.core.periodic import PeriodicTask
from shared.service.api_runtime import ApiRuntime


def task(runtime: ApiRuntime, settings: Settings) -> PeriodicTask:
    """Return the task that ends files."""
    return PeriodicTask(
        "end of files", partial(end_files, runtime), settings.release_file_sweep_s, at_once=True
    )
