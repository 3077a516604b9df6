"""Jobs into a store and out of it, in groups. It knows neither where they come from nor what shows its progress.

Rules of this file:
1. What was put is durable before more is read, so an import that was cut short can be run again.
2. A job whose handle is in the store is left as it is there, and counted.
3. A job that the store does not take ends the import with its name; what came before it stays.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gearbridge.errors import ConfigurationError, StoreError, StoreUnavailable
from gearbridge.records import Put
from gearbridge.stores.registry import store_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gearbridge.records import StoredJob
    from gearbridge.stores.interface import Store

    #: Called now and then with how many jobs have been moved so far.
    Report = Callable[[int], None]

#: A group is applied when it has so many jobs or so many bytes of payload.
GROUP_JOBS = 1000
GROUP_BYTES = 8 << 20


class Imported(NamedTuple):
    """Counts of jobs put into the store, and of jobs left out because their handles were there."""

    new: int
    present: int


def export_jobs(store: Store, write: Callable[[StoredJob], object], report: Report) -> int:
    """Hand every job of an open store to `write`, in order of submission; return how many there were."""
    count = 0
    for job in store.replay():
        write(job)
        count += 1
        if count % GROUP_JOBS == 0:
            report(count)
    return count


def import_jobs(store: Store, jobs: Iterable[StoredJob], report: Report) -> Imported:
    """Put jobs into an open store, in their order.

    Raises StoreError, naming the job, where the store does not take one; StoreUnavailable where it cannot be reached.
    """
    handles = {job.handle for job in store.replay()}
    new = present = 0
    for group in _groups(jobs):
        fresh = []
        for job in group:
            if job.handle in handles:
                present += 1
            else:
                handles.add(job.handle)
                fresh.append(Put(job))
        _apply(store, fresh)
        new += len(fresh)
        report(new + present)
    return Imported(new, present)


def open_store(url: str, *, existing: bool = False) -> closing[Store]:
    """The store that a URL names, open, as a context manager.

    Raises ConfigurationError where it cannot be opened, a server is using it, it keeps nothing, or, with `existing`,
    it is a file that is not there (opening it would make it).
    """
    store = store_for(url)
    if not store.traits.durable:
        raise ConfigurationError(f"{url} keeps nothing: there is nothing to move from it or into it")
    if (
        existing
        and url.startswith("sqlite:///")
        and not Path(url.removeprefix("sqlite:///").partition("?")[0]).exists()
    ):
        raise ConfigurationError(f"there is no file {url.removeprefix('sqlite:///')}")
    store.open()
    return closing(store)


def _groups(jobs: Iterable[StoredJob]) -> Iterator[list[StoredJob]]:
    group: list[StoredJob] = []
    size = 0
    try:
        for job in jobs:
            group.append(job)
            size += len(job.payload)
            if len(group) >= GROUP_JOBS or size >= GROUP_BYTES:
                yield group
                group, size = [], 0
    except ConfigurationError:
        # What is wrong with one job is no reason to leave out those before it.
        if group:
            yield group
        raise
    if group:
        yield group


def _apply(store: Store, group: list[Put]) -> None:
    if not group:
        return
    try:
        store.apply(group)
    except StoreUnavailable:
        raise
    except StoreError:
        for put in group:
            try:
                store.apply([put])
            except StoreUnavailable:
                raise
            except StoreError as error:
                handle = put.job.handle.decode("utf-8", "backslashreplace")
                raise StoreError(f"the store does not take job {handle}: {error}; the jobs before it are in") from error
