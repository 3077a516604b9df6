"""What all parts of the core share: the queue, the journal, what they count and remember, and jobs becoming ready.

It knows no packet that comes in, no socket and no clock.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .deadlines import Deadlines
from .failures import Failures
from .incidents import Incidents
from .journal import Journal
from .lease import Lease
from .order import SubmissionOrder
from .pending_reply import NO_ANSWER
from .queue import JobQueue
from .recently_completed import RecentlyCompleted
from .signals import Signals
from .sleepers import wake
from .window import Window

if TYPE_CHECKING:
    from gearbridge.records import Limits, NodeStatus, StoredJob

    from .function import Function
    from .jobs import Job
    from .peer import Peer
    from .schedule import Schedule
    from .settings import Settings


class State:
    """What one server knows. `durable`: background jobs must be stored before they exist.

    `claimable`: jobs can wait in the store's table, and be claimed from there; `owned`: another server has them when
    the store's session ends.
    """

    def __init__(self, settings: Settings, *, durable: bool, claimable: bool = False, owned: bool = False) -> None:
        self.settings = settings
        self.signals = Signals()
        self.owned = owned
        self.durable = durable
        self.queue = JobQueue(settings.most_names)
        self.shared = settings.shared
        self.window = Window(
            self.queue, settings.window_jobs, settings.window_bytes, claimable=claimable, shared=settings.shared
        )
        self.lease = Lease(self.signals)
        self.limits: dict[bytes, Limits] = {}  # set here, and not known to the other nodes yet
        self.nodes: tuple[NodeStatus, ...] = ()  # that share the table, as far as it is known
        self.counted_since: float | None = None  # all that waits in the table, on the shell's clock; None: never yet
        self.journal = Journal(settings.store_patience)
        self.store_trouble = NO_ANSWER  # or as the shell knows it
        self.overdue: list[StoredJob] = []  # whose submits were refused since the shell last looked
        self.order = SubmissionOrder()
        self.failures = Failures()
        self.deadlines = Deadlines()
        self.incidents = Incidents(self.signals)
        self.finished = RecentlyCompleted()
        self.crowded = False  # connections wait for their turn: what takes long has its own
        self.short_of_memory = False  # set by the shell: what can wait in the store is left there
        self.takes_no_more = False  # behind `retiring`: what is submitted is refused
        self.retiring = False  # what the store keeps is left to the next server
        self.leaving: deque[Peer] = deque()  # clients that are gone, and have jobs that are still to end
        self.notices: list[str] = []  # for the log; `signals.wants_tick` is set with them
        self.unplanned: list[tuple[Job, Schedule]] = []  # their due time is found at the next tick

    def note(self, text: str) -> None:
        """Have the shell log this."""
        self.notices.append(text)
        self.signals.wants_tick = True

    def store(self, job: Job) -> None:
        """A job of this queue that was not to be stored so far is to be."""
        self.window.enter(job)
        self.journal.put(job, spilled=job.spilled)
        if not self.journal.watched:
            self.journal.watched = self.signals.wants_tick = True

    def make_ready(self, function: Function, job: Job) -> None:
        """A job is to be worked on, now or when it is due."""
        if self.retiring and self.is_kept(job):
            return
        if self.queue.make_ready(function, job):
            if function.sleepers or function.wide:
                wake(function, self.settings.worker_wakeup)
        else:
            self.signals.wants_tick = True

    def is_kept(self, job: Job) -> bool:
        """Return whether the job outlives this server."""
        return job.background and self.durable
