"""The worker process: claims jobs, beats, and ends politely. What a job does is in tasks.py; it loads no model by itself."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from studio.domain.errors import BadInput, Cancelled, EaselError, Refused, StorageFull
from studio.domain.job import Job
from studio.jobs.lock import Lock
from studio.jobs.queue import CLOSED, said
from studio.packs.sweeping import sweep
from studio.workshop import exporting
from studio.workshop.reporting import JobReport, Stopped
from studio.workshop.rescanning import Rounds
from studio.workshop.spools import spent
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from studio.workshop.tasks import Task

# An import and a pack may each take an hour; the third is for the rest
LANES = ("paint", "look", "fetch", "fetch", "fetch")
POLL_SECONDS = {"paint": 0.05, "look": 0.05, "fetch": 0.5}
BEAT_SECONDS = 1.0
IDLE_SECONDS = 600.0  # EASEL_IDLE_SECONDS
HANG_SECONDS = 600.0  # EASEL_HANG_SECONDS: a lane that shows no sign of life for so long is stuck; loading is one sign
STOP_SECONDS = 5.0
TEND_SECONDS = 86_400.0  # from one look for what is due every day to the next
ROOM_BYTES = 48 << 20  # below this the paint lane waits: a picture, its thumbnail and the database's journal need room
LOG_BYTES, LOGS_KEPT = 1 << 20, 3
logger = logging.getLogger(__name__)


def main(home: Path, *, tasks: Mapping[str, Task] | None = None, warm_up: bool = True) -> int:
    """Be the worker of this home until idle or told to end; returns 0, also when another worker is there already."""
    lock = Lock(home)
    if not lock.take():
        return 0
    name = f"{os.getpid()}-{secrets.token_hex(3)}"
    lock.beat(name)
    faulthandler.enable()
    _log_to(home / "logs")
    worker = Worker(home, lock=lock, name=name, tasks=tasks, warm_up=warm_up)
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: worker.stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it outlives the terminal that started it
    try:
        clean = worker.run()
    except Exception:
        logger.exception("the worker cannot work")
        print(f"The worker cannot work: {sys.exc_info()[1]}", file=sys.stderr)
        return 5
    finally:
        lock.release()
        logging.shutdown()
    if not clean:
        os._exit(0)  # a thread is still inside a model; the interpreter's own end would wait for it or crash in it
    return 0


class Lane:
    """One thread's worth of jobs: what it does now, when it last showed a sign of life, and when it last did what somebody
    wanted (monotonic seconds)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.job: Job | None = None
        self.sign = self.wanted = time.monotonic()

    def alive(self) -> None:
        """Show a sign of life."""
        self.sign = time.monotonic()

    def stuck(self, seconds: float) -> bool:
        """Whether a job runs and nothing was heard of it for so long."""
        return self.job is not None and time.monotonic() - self.sign > seconds


class Worker:
    """The lanes, a heartbeat and a warm-up, each a thread; the main thread decides when to end."""

    def __init__(
        self, home: Path, *, lock: Lock, name: str, tasks: Mapping[str, Task] | None = None, warm_up: bool = True
    ) -> None:
        self.home = home
        self.name = name
        self.stop = threading.Event()
        self._lock = lock
        self._tasks = tasks
        self._warm_up = warm_up
        self._tools = Tools(home)
        self._lanes = [Lane(lane) for lane in LANES]
        self._idle_seconds = _seconds("EASEL_IDLE_SECONDS", IDLE_SECONDS)
        self._hang_seconds = _seconds("EASEL_HANG_SECONDS", HANG_SECONDS)
        self._warming = warm_up
        self._trouble = ""
        self._device = ""

    def run(self) -> bool:
        """Work; returns whether all threads ended."""
        tools = self._tools
        tools.queue.lost(alive=self.name)
        threading.Thread(target=self._beating, name="beat", daemon=True).start()
        with contextlib.suppress(StorageFull):
            for sentence in tools.gallery.sweep() + sweep(self.home / "packs"):
                logger.info("%s", sentence)
        tended = self._tend()
        rounds = Rounds(tools.queue)
        if self._tasks is None:
            from studio.workshop.tasks import TASKS

            self._tasks = TASKS
        threads = [
            threading.Thread(target=self._work, args=(lane,), name=lane.name, daemon=True) for lane in self._lanes
        ]
        if self._warm_up:
            threads.append(threading.Thread(target=self._warm, name="warm", daemon=True))
        logger.info("worker %s began in %s", self.name, self.home)
        for thread in threads:
            thread.start()
        while not self.stop.wait(0.2):
            if not self._lock.here():
                logger.warning("the home folder is gone; the worker ends")
                break
            if self._idle_for() > self._idle_seconds:
                logger.info("nothing to do for %.0f s; the worker ends", self._idle_seconds)
                break
            if time.monotonic() - tended > TEND_SECONDS:
                tended = self._tend()
            with contextlib.suppress(EaselError):  # a busy database, a full disk: the next look is in 15 seconds
                rounds(minutes=lambda: tools.settings().rescan_minutes, idle=self._resting)
        self.stop.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(EaselError):
            tools.queue.lost(blame=False)
        return not any(thread.is_alive() for thread in threads)

    def _tend(self) -> float:
        """What is due every day, for a worker that is never idle too; returns when it was done (monotonic seconds)."""
        tools = self._tools
        try:
            tools.queue.tidy()
            exporting.sweep(tools)
            gone = tools.gallery.empty_bin(older_than=tools.settings().bin_days * 86_400)
            if gone:
                logger.info("%d pictures lay in the bin for %d days; they are gone", gone, tools.settings().bin_days)
            tools.database.backup()
        except (EaselError, OSError) as error:  # it must not end what a lane is in the middle of
            logger.warning("what is due every day waits: %s", error)
        return time.monotonic()

    # ---------------------------------------------------------------- lanes

    def _work(self, lane: Lane) -> None:
        queue = self._tools.queue
        while not self.stop.is_set():
            try:
                job = queue.claim(lane.name, self.name) if self._room(lane) else None
            except EaselError as error:  # a full disk or a busy database: it passes
                logger.warning("%s: %s", lane.name, error)
                self.stop.wait(1.0)
                continue
            if job is None:
                self.stop.wait(POLL_SECONDS[lane.name])
                continue
            lane.alive()
            lane.job = job
            try:
                self._run(job, lane)
            finally:
                lane.alive()
                if not job.payload.get("unasked"):
                    lane.wanted = lane.sign
                lane.job = None

    def _run(self, job: Job, lane: Lane) -> None:
        tools = self._tools
        report = JobReport(
            job,
            queue=tools.queue,
            files=tools.files,
            alive=lane.alive,
            stopping=self.stop.is_set,
            previews=tools.settings().previews,
        )
        began = time.monotonic()
        state, error = "failed", ""
        try:
            assert self._tasks is not None
            outcome = self._tasks[job.kind](job, report, tools)
            state, error, report.result = outcome.state, outcome.error, outcome.result
        except Cancelled as cancelled:
            state, error = "cancelled", str(cancelled) or "Cancelled."
        except Stopped:
            state, error = "interrupted", said(CLOSED, job.kind, "working on it")
        except Refused as refused:
            from studio.workshop.tasks import refusal

            state, error, report.result = "refused", str(refused), refusal(refused)
        except StorageFull as full:
            error = self._pause(full)
        except BadInput as bad:
            error, report.result = (
                str(bad),
                {**report.result, "field": bad.field},
            )  # so that the terminal can say whose fault it was
        except EaselError as known:
            error = str(known)
        except MemoryError:
            error = (
                "The machine has too little memory: choose a smaller size or fewer pictures, or close other programs."
            )
        except Exception as unknown:
            logger.exception("job %d (%s)", job.id, job.kind)
            error = f"Something went wrong that Easel does not know ({type(unknown).__name__}: {unknown}); see logs/worker.log."
        report.close()
        logger.info("job %d (%s) %s in %.2f s %s", job.id, job.kind, state, time.monotonic() - began, error)
        self._finish(job, state, report, error, time.monotonic() - began)

    def _finish(self, job: Job, state: str, report: JobReport, error: str, seconds: float) -> None:
        """Write the end down, however long the disk stays full: an end that is not written is a job lost."""
        queue = self._tools.queue
        while True:
            try:
                if state == "interrupted" and queue.resume_later(job.id):
                    break
                queue.finish(job.id, state, result=report.result or None, error=error, seconds=seconds)
                break
            except EaselError as trouble:
                logger.warning("job %d cannot be ended yet: %s", job.id, trouble)
                if self.stop.wait(1.0):
                    return
        if state != "interrupted":
            with contextlib.suppress(EaselError):
                for name in spent(job, state, self._tools.gallery):
                    self._tools.files.unspool(name)

    # ---------------------------------------------------------------- a full disk

    def _room(self, lane: Lane) -> bool:
        """Whether the paint lane may claim: it waits while the disk is full, and goes on by itself."""
        if lane.name != "paint":
            return True
        queue = self._tools.queue
        if self._tools.files.free() >= ROOM_BYTES:
            if queue.paused():
                queue.resume()
                logger.info("there is room again; the queue goes on")
            return True
        if not queue.paused():
            queue.pause(self._full())
        self.stop.wait(1.0)
        return False

    def _pause(self, error: StorageFull) -> str:
        logger.warning("%s", error)
        sentence = self._full()
        with contextlib.suppress(EaselError):
            self._tools.queue.pause(sentence)
        return f"Disk full: {error}"

    def _full(self) -> str:
        free = self._tools.files.free() / (1 << 20)
        return f"The disk is full ({free:,.0f} MiB free); the queue goes on by itself when there is room."

    # ---------------------------------------------------------------- life

    def _beating(self) -> None:
        told = ("", "", "")
        while True:
            stuck = [lane for lane in self._lanes if lane.stuck(self._hang_seconds)]
            if not stuck:  # a stuck lane ends the heartbeat, and whoever watches ends the worker
                self._lock.beat(self.name)
            now = (self._state(), self._note(), self._device)
            if now != told:
                with contextlib.suppress(EaselError):
                    self._tools.queue.beat(self.name, now[0], pid=os.getpid(), note=now[1], device=now[2])
                    told = now
            if self.stop.wait(BEAT_SECONDS):
                return

    def _state(self) -> str:
        if any(lane.job for lane in self._lanes):
            return "busy"
        return "warming" if self._warming else "ready"

    def _note(self) -> str:
        if self._trouble:
            return self._trouble
        return "Getting the models ready." if self._warming else ""

    def _warm(self) -> None:
        """Import and load what the first job will need, so that the first picture is quick."""
        from studio.workshop.warmup import warm

        try:
            for device in warm(self._tools):
                self._device = device
                if self.stop.is_set():
                    return
        except EaselError as error:
            self._trouble = str(error)
        except Exception as error:
            logger.exception("the warm-up failed")
            self._trouble = f"The models could not be made ready ({error}); see logs/worker.log."
        finally:
            self._warming = False

    def _resting(self) -> bool:
        return not self._warming and not any(lane.job for lane in self._lanes)

    def _idle_for(self) -> float:
        """Seconds since anything was done or wanted; folders that are looked at unasked keep nobody up."""
        if not self._resting():
            return 0.0
        since = min(time.monotonic() - lane.wanted for lane in self._lanes)
        with contextlib.suppress(OSError):
            wanted = time.time() - (self.home / "locks" / "wanted").stat().st_mtime
            since = min(since, max(0.0, wanted))
        return since


def _seconds(name: str, default: float) -> float:
    try:
        return float(os.environ.get(name, default))
    except ValueError:
        return default


def _log_to(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(folder / "worker.log", maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
