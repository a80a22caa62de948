"""The daemon: an APScheduler in the main thread starts bounded jobs; it dies honestly when a part of it dies.

Traps of the scheduler that this module answers (measured on 3.11): jobs due late are dropped after one second unless
``misfire_grace_time`` is ``None``; an interval job first fires one interval after the start unless told otherwise; a
background scheduler can die while it looks alive, so the blocking one runs in the main thread; a job that hangs blocks
itself for good, so every pass has a deadline, after which the process ends and is restarted.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from loguru import logger

from syncd.errors import (
    AuthRejected,
    CountsOtherwise,
    DatabaseNotReady,
    DatabaseOutdated,
    DatabaseUnavailable,
    LeaseLost,
    PermissionMissing,
    SafetyStop,
    SideError,
    Stopped,
    Transient,
)
from syncd.service.comparison import Comparison
from syncd.service.freshness import read_health
from syncd.service.housekeeping import Housekeeping
from syncd.service.memory import give_back
from syncd.service.notify import is_supervised, notify, watchdog_seconds
from syncd.service.restored import open_restore
from syncd.service.signals import stop_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.triggers.base import BaseTrigger

    from syncd.config import Config
    from syncd.config.schema import Schedule
    from syncd.errors import SyncdError
    from syncd.service.account import Account
    from syncd.service.worker import SideWorker
    from syncd.state.lease import LeaseKeeper

STOP_WITHIN_S = 9.0
"""How long a stop waits for the operation under way; the service manager allows a little more."""

PASS_DEADLINE_S = 900.0
"""A pass that achieves nothing for so long hangs: the process ends."""

LATE_POLLS = 10
LATE_S = 120.0
"""A side whose passes did not even begin for so many polls, and so long at least, lost its job: the process ends."""

SILENT_DATABASE_S = 60.0
"""A renewal of the lease that waits for so long waits on a connection that is dead without saying so: the process ends.

Longer than a writer waits for its turn, and than a new connection takes.
"""

REFUSED_PAUSE_S = 300.0
"""A side that refused our credentials is asked again only so often; a new token takes effect with a restart."""

SWEEP_SPREAD_S = 300
"""A daily sweep begins up to so much later than its time: many accounts on one machine have the same one by default."""

_BEAT_S = 2.0
_TIDY_S = 60.0
_TELL_S = 10.0
_KEEP_HOUSE_S = 20.0


class Daemon:
    """Runs an account until it is told to stop.

    Args:
        account: The wired account.
        config: Its configuration, for the schedules.
        lease: The leader lease, held already; given back at the end.
        hard_exit: Ends the process at once; replaced by tests.
    """

    def __init__(
        self,
        account: Account,
        config: Config,
        lease: LeaseKeeper,
        *,
        hard_exit: Callable[[int], Any] = os._exit,
    ) -> None:
        self._account = account
        self._config = config
        self._lease = lease
        self._hard_exit = hard_exit
        self._code = 0
        self._refusal: SyncdError | None = None
        self._released = False
        self._leads = True
        self._lost = False
        self._troubled = False
        self._queued: set[str] = set()
        self._lock = threading.Lock()
        self._progress = {name: time.monotonic() for name in account.workers}
        self._begun = dict(self._progress)
        self._unread = set(account.workers)
        self._resume_at = dict.fromkeys(account.workers, 0.0)
        self._ready = False
        self._compared = False
        self._comparing = threading.Lock()
        self._housekeeping = Housekeeping(account.db, config.retention, self._is_busy, account.db.now)
        self._scheduler = BlockingScheduler(
            executors={"default": ThreadPoolExecutor(3 * len(account.workers) + 2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, or until a part of the daemon dies; returns the exit code.

        Raises:
            CountsOtherwise: In the first pass over a side; everything has stopped in order.
            DatabaseOutdated: An old copy was put in the place of the database; nothing more was written to any side.
        """
        with stop_signals(self._account.stop, lambda: self.end(0), lambda number: self._hard_exit(128 + number)):
            return self._serve()

    def _serve(self) -> int:
        for name, worker in self._account.workers.items():
            worker.alive = self._mark(name)
            self._add_jobs(worker)
        self._scheduler.add_job(self._guarded(self._beat), _every(_BEAT_S), id="beat", next_run_time=_now())
        self._scheduler.add_job(self._guarded(_tidy), _every(_TIDY_S), id="tidy")
        self._scheduler.add_job(self._guarded(self._housekeeping.turn), _every(_KEEP_HOUSE_S), id="housekeeping")
        if is_supervised():
            self._scheduler.add_job(self._guarded(self._tell), _every(_TELL_S), id="tell", next_run_time=_now())
        logger.bind(sides=len(self._account.workers), pid=os.getpid()).info("daemon.started")
        self._scheduler.start()
        self._wind_down()
        if self._refusal is not None:
            raise self._refusal
        return self._code

    def end(self, code: int) -> None:
        """Begin to stop: nothing new starts, what is under way finishes."""
        with self._lock:
            first = not self._account.stop.is_set()
            self._code = max(self._code, code)
        self._account.stop.set()
        if first:
            notify("STOPPING=1")
            # A job must not wait for its own scheduler.
            threading.Thread(target=self._stop_scheduler, daemon=True).start()

    def lose(self, error: SyncdError) -> None:
        """Say why this process leads no more, or not with this database, and stop.

        Whoever notices it first says so, be it a pass or the renewal.
        """
        if self._released:
            return  # it was waiting for its turn when we gave the lease back ourselves
        with self._lock:
            first, self._lost = not self._lost, True
        if isinstance(error, DatabaseOutdated):
            if self._refusal is None:
                logger.bind(detail=str(error)).error("database.outdated")
            self._refusal = error
        elif first:
            logger.bind(detail=str(error)).error("lease.lost")
        self.end(error.exit_code)

    def _stop_scheduler(self) -> None:
        # A stop may come before the scheduler runs; the first heartbeat repeats it then.
        with suppress(SchedulerNotRunningError):
            self._scheduler.shutdown(wait=False)

    def _add_jobs(self, worker: SideWorker) -> None:
        side = self._config.side(worker.side.name)
        poll = self._guarded(lambda: self._pass(worker, "poll", "schedule"))
        sweep = self._guarded(lambda: self._pass(worker, "full", "sweep"))
        name = side.name
        self._scheduler.add_job(poll, _every(side.poll_seconds), id=f"poll:{name}", next_run_time=_now())
        self._scheduler.add_job(sweep, _sweep_trigger(side.sweep), id=f"sweep:{name}")

    def _guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        """A job whose failure ends the daemon, unless the failure is one that passes by itself."""

        def job() -> None:
            try:
                work()
            except Stopped:
                return
            except DatabaseUnavailable as error:
                logger.bind(detail=str(error)).error("database.unavailable")
            except DatabaseOutdated as error:
                self.lose(error)
            except DatabaseNotReady as error:
                logger.bind(detail=str(error)).error("database.not_ready")
                self.end(error.exit_code)
            except LeaseLost as error:
                self.lose(error)
            except Exception:  # noqa: BLE001 - whatever it is, a daemon with a dead part must not look alive
                logger.exception("daemon.broken")
                self.end(1)

        return job

    def _pass(self, worker: SideWorker, kind: str, cause: str, begun: Callable[[], None] = lambda: None) -> None:
        name = worker.side.name
        self._begun[name] = time.monotonic()
        if self._account.stop.is_set() or time.monotonic() < self._resume_at[name]:
            begun()
            return
        self._progress[name] = time.monotonic()
        if not self._is_compared():
            begun()
            self._announce(name)
            return
        outcome = worker.run(kind, cause, begun)
        self._resume_at[name] = time.monotonic() + _pause_s(outcome.error)
        if isinstance(outcome.error, CountsOtherwise) and name in self._unread:
            # The configuration was changed: whoever starts the service shall see that at once.
            self._refusal = outcome.error
            self.end(outcome.error.exit_code)
            return
        self._announce(name)
        if kind == "push" and not outcome.run.counts.movements:
            return  # it brought no news: two sides whose work waits for a person would wake each other for ever
        for other in self._account.workers.values():
            if other is not worker:
                self._wake(other)

    def _is_compared(self) -> bool:
        """Whether the sides were compared if the database was put back from a backup; the first pass sees to it."""
        if self._compared:
            return True
        with self._account.db.read() as session:
            self._compared = open_restore(session) is None
        if self._compared:
            return True  # sides that begin at the same moment have nothing to wait for
        if not self._comparing.acquire(blocking=False):
            return False
        try:
            Comparison(self._account, self._account.stop).run()
            self._compared = True
        except CountsOtherwise as error:
            self._refusal = error
            self.end(error.exit_code)
        except (SideError, SafetyStop) as error:
            logger.bind(detail=str(error)).warning("restore.not_compared")
        finally:
            self._comparing.release()
        return self._compared

    def _wake(self, worker: SideWorker) -> None:
        """Have another side written to at once if something waits for it; asked twice it runs once."""
        name = worker.side.name
        if not (worker.has_pending() or worker.has_link_work()):
            return
        with self._lock:
            if name in self._queued or self._account.stop.is_set():
                return
            self._queued.add(name)
        self._scheduler.add_job(self._guarded(lambda: self._push(worker)), id=f"push:{name}:{time.monotonic_ns()}")

    def _push(self, worker: SideWorker) -> None:
        def begun() -> None:
            with self._lock:
                self._queued.discard(worker.side.name)

        # Queued until it begins: pushes that pile up behind a long read would take every thread, the heartbeat's too.
        if worker.reachability.failures:
            begun()
        else:
            self._pass(worker, "push", "a change on another side", begun)

    def _is_busy(self) -> bool:
        return (
            self._account.stop.is_set()
            or not self._compared
            or any(worker.busy for worker in self._account.workers.values())
        )

    def _mark(self, name: str) -> Callable[[], None]:
        def mark() -> None:
            self._progress[name] = time.monotonic()

        return mark

    def _announce(self, name: str) -> None:
        """Ready as soon as every side had its first pass, well or not."""
        with self._lock:
            self._unread.discard(name)
            became_ready = not self._ready and not self._unread
            self._ready = self._ready or became_ready
        if became_ready:
            self._tell()

    def _tell(self) -> None:
        """How things stand, for ``systemctl status``: from the database, so that nothing looks well that is not.

        Ready is said each time: once may not have been heard, and the start is not over before it was.
        """
        ready = "READY=1\n" if self._ready else ""
        try:
            with self._account.db.read() as session:
                said = read_health(session, self._config, self._account.db.now()).sentence
            if self._lease.trouble:  # it can be read, and no more
                said = f"the database cannot be used: {self._lease.trouble}"
        except DatabaseUnavailable as error:
            said = f"the database cannot be used: {error}"
        notify(f"{ready}STATUS={said}")

    def _beat(self) -> None:
        """Look for passes that hang or never begin, tell the service manager that we live."""
        if self._account.stop.is_set():
            self._stop_scheduler()
        elif stuck := self._stuck():
            logger.bind(sides=", ".join(stuck)).error("daemon.hanging")
            self._hard_exit(1)
        else:
            self._look_at_lease()
        if watchdog_seconds() is not None:
            notify("WATCHDOG=1")

    def _look_at_lease(self) -> None:
        """Say when this process may not write any more because the database does not confirm that it leads, and why."""
        leads = self._lease.holds()
        if leads != self._leads:
            self._leads = leads
            if leads:
                logger.info("lease.renewed")
            else:
                logger.warning("lease.not_renewed")
        if self._lease.trouble and not self._troubled:
            logger.bind(detail=self._lease.trouble).error("database.unavailable")  # in a quiet hour no pass says so
        self._troubled = bool(self._lease.trouble)
        if self._lease.asking_s() > SILENT_DATABASE_S:
            logger.bind(seconds=round(self._lease.asking_s())).error("database.silent")
            self._hard_exit(1)

    def _stuck(self) -> list[str]:
        """Sides whose pass achieves nothing, or whose passes are not begun any more."""
        now = time.monotonic()
        late = {name: max(LATE_POLLS * self._config.side(name).poll_seconds, LATE_S) for name in self._progress}
        return [
            name
            for name, worker in self._account.workers.items()
            if (worker.busy and now - self._progress[name] > PASS_DEADLINE_S)
            or (not worker.busy and now - max(self._begun[name], self._progress[name]) > late[name])
        ]

    def _wind_down(self) -> None:
        """Wait for what is under way, but no longer than a service manager does; it is settled after the restart."""
        deadline = time.monotonic() + STOP_WITHIN_S
        busy = [worker for worker in self._account.workers.values() if worker.busy]
        for worker in busy:
            worker.wait_idle(max(0.0, deadline - time.monotonic()))
        left = [worker.side.name for worker in busy if worker.busy]
        if left:
            logger.bind(sides=", ".join(left)).warning("daemon.stopped_early")
            self._hard_exit(self._code)
        self._released = True
        self._lease.release()
        self._account.close()
        logger.info("daemon.stopped")


def _pause_s(error: SyncdError | None) -> float:
    """How long to leave a side alone: a refused credential is not hammered, a wish for a pause is kept."""
    match error:
        case AuthRejected() | PermissionMissing():
            return REFUSED_PAUSE_S
        case Transient(retry_after_s=float() as seconds):
            return seconds
        case _:
            return 0.0


def _tidy() -> None:
    give_back()


def _now() -> datetime:
    return datetime.now(UTC)


def _every(seconds: float) -> BaseTrigger:
    return IntervalTrigger(seconds=seconds, timezone=UTC)


def _sweep_trigger(schedule: Schedule) -> BaseTrigger:
    if schedule.daily_at is not None:
        return CronTrigger(hour=schedule.daily_at.hour, minute=schedule.daily_at.minute, jitter=SWEEP_SPREAD_S)
    return IntervalTrigger(seconds=schedule.every_s or 86400, timezone=UTC)


def standby(lease: LeaseKeeper, stop: threading.Event, *, every: timedelta = timedelta(seconds=2)) -> bool:
    """Wait until this process leads; returns False if it was told to stop first.

    A database that cannot be used is waited for as well: whoever leads waits for it, too.
    """
    known = ""
    while not stop.is_set():
        try:
            if lease.acquire():
                return True
            told, leader = "standby", lease.holder()
            if told != known:
                logger.bind(leader=leader).warning("daemon.standby")
                notify(f"READY=1\nSTATUS=standing by: {leader or 'another process'} leads")
        except DatabaseUnavailable as error:
            told = "away"
            if told != known:
                logger.bind(detail=str(error)).error("database.unavailable")
                notify(f"READY=1\nSTATUS=standing by: the database cannot be used: {error}")
        known = told
        if watchdog_seconds() is not None:
            notify("WATCHDOG=1")
        stop.wait(every.total_seconds())
    return False
