"""A commit group, applied: whole, or where it fails one operation at a time, so that one bad job fails alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gearbridge.errors import StoreError, StoreFenced, StoreFull, StoreLocked, StoreUnavailable
from gearbridge.process.rate_limited_log import RateLimitedLog
from gearbridge.records import Done, Drop, Failed, Operation, Progress, Put, Retry

from .locked_rows import LockedRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.stores.interface import Store

    Outcome = tuple[list[Operation], dict[int, str]]

_log = logging.getLogger(__name__)
_failed_groups = RateLimitedLog(_log)


def apply_group(
    store: Store, kept: Sequence[Operation], group: Sequence[Operation], aside: LockedRows | None = None
) -> Outcome:
    """Apply what was kept from before and a group; return what is to be kept now, and the failed Puts by index.

    What meets a row that another transaction holds is set `aside`. Where the store is full its Puts fail, its ends and
    attempts are kept, and `aside` notes it. Raises StoreUnavailable when that is why it failed,
    some of it may have been applied then; and StoreFenced.
    """
    if aside is None:
        aside = LockedRows(store)
    old, new = aside.sift(kept), aside.sift(group)
    try:
        store.apply([*old, *new])
    except (StoreUnavailable, StoreFenced):
        raise
    except StoreError as error:
        if isinstance(error, StoreLocked) and aside.find([*old, *new]):
            return apply_group(store, old, group, aside)
        _failed_groups.warn("a commit group of %d failed, trying its parts: %s", len(old) + len(new), error)
    else:
        return [], {}
    still_kept = [left for operation in old if (left := _alone(store, operation, aside)) is not None]
    errors: dict[int, str] = {}
    for index, operation in enumerate(group):
        if isinstance(operation, Put):
            try:
                failure = _failure(store, operation)
            except StoreFull as error:
                failure = str(error)
                aside.note_full(failure, len(operation.job.payload))
            if failure is not None:
                errors[index] = failure
        elif aside.sift([operation]) and (left := _alone(store, operation, aside)) is not None:
            still_kept.append(left)
    return still_kept, errors


def _alone(store: Store, operation: Operation, aside: LockedRows) -> Operation | None:
    """Apply an end or attempt by itself; return what is to be kept for the next time."""
    try:
        return _settle_alone(store, operation, aside)
    except StoreFull as error:
        aside.note_full(str(error))
        return operation


def _settle_alone(store: Store, operation: Operation, aside: LockedRows) -> Operation | None:
    try:
        store.apply([operation])
    except (StoreUnavailable, StoreFenced, StoreFull):
        raise
    except StoreLocked:
        if not isinstance(operation, Put):
            aside.add({operation.handle})
            aside.sift([operation])
        return None
    except StoreError as error:
        failure = str(error)
    else:
        return None
    if isinstance(operation, Progress):  # the next progress is more recent
        return None
    if not isinstance(operation, (Done, Retry, Failed)):
        return operation
    if isinstance(operation, (Retry, Failed)) and not operation.error.isascii():
        # The database's encoding may not have all of the error's characters.
        escaped = operation._replace(error=operation.error.encode("ascii", "backslashreplace").decode())
        if _failure(store, escaped) is None:
            return None
    # A job whose end the database never takes, as a result too large for it, has failed: that end it does take.
    why = failure.encode("ascii", "backslashreplace").decode()
    plain = Failed(operation.handle, None, f"its end could not be written: {why}")
    return plain if _failure(store, plain) is not None else None


def refuse(kept: Sequence[Operation], group: Sequence[Operation], why: str) -> Outcome:
    """Give up on a group for now: its Puts fail, its ends and attempts are kept.

    A refused Put may have been written all the same, when the connection broke at the commit; so a Drop is kept too.
    Not where another node's client may have joined that job by its unique key, and was acknowledged.
    """
    errors = {index: why for index, operation in enumerate(group) if isinstance(operation, Put)}
    ends = [
        Drop(operation.job.handle) if isinstance(operation, Put) else operation
        for operation in group
        if not isinstance(operation, Put) or not (operation.spilled and operation.job.unique_key)
    ]
    return [*kept, *ends], errors


def _failure(store: Store, operation: Operation) -> str | None:
    try:
        store.apply([operation])
    except (StoreUnavailable, StoreFenced, StoreFull):
        raise
    except StoreLocked as error:
        if isinstance(operation, Put) and not operation.job.unique_key:
            # No session can hold its row: it waited for a lock of the database's own, as for a standby behind a NOTIFY.
            raise StoreUnavailable(str(error)) from error
        return str(error)
    except StoreError as error:
        return str(error)
    return None
