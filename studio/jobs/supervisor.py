"""Starts the worker, watches it and starts it again; it never does the worker's work and never loads a model."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import studio
from studio.domain.errors import WorkerLost
from studio.jobs import lock
from studio.jobs.queue import Queue

BEAT_SECONDS = 20.0  # a worker that has not beaten for so long is hung
START_SECONDS = 20.0  # how long a started process may take to take its lock
YOUNG_SECONDS = 15.0  # a worker that dies this young probably cannot run here at all
COMMAND = (sys.executable, "-m", "studio", "worker")
MOST_YOUNG_DEATHS = 4
REST_SECONDS = 30.0  # how long to leave it alone then
MOST_HANDLES = 1024  # of a process, as systems set it; beyond these nobody looks


@dataclass(frozen=True)
class WorkerState:
    """What is known of the worker: `state` is none, starting, warming, ready, busy or broken; `note` a sentence."""

    alive: bool
    state: str
    device: str = ""
    note: str = ""
    pid: int = 0


class Supervisor:
    """One home folder's worker, seen from any process: the page, the terminal and the tests each have their own.

    All knowledge is in the lock and the table, so that any number of supervisors agree. `environment` is added to the
    worker's own; `beat_seconds` is how old a heartbeat may grow.
    """

    def __init__(
        self,
        home: Path,
        *,
        queue: Queue,
        environment: Mapping[str, str] | None = None,
        beat_seconds: float = BEAT_SECONDS,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.home = home
        self._queue = queue
        self._environment = dict(environment or {})
        self._beat_seconds = beat_seconds
        self._command = tuple(command)
        self._starting: tuple[int, float] | None = None  # pid and monotonic time of our last start
        self._young_deaths: list[float] = []
        self._guard: threading.Thread | None = None
        self._ended = threading.Event()
        self._turn = threading.Lock()

    def ensure(self) -> None:
        """Make sure that a worker lives; returns at once, before it is ready."""
        self._want()
        self.state(start=True)

    def state(self, *, start: bool = False) -> WorkerState:
        """Look after the worker, and say how it is.

        Ends the jobs of a dead worker, kills one that stopped beating, and starts a new one where jobs wait (or always,
        with `start`).
        """
        with self._turn:
            self._reap()
            held = lock.holder(self.home)
            if held is not None and held.pid and time.monotonic() - held.beat > self._beat_seconds:
                self._end(held.pid, signal.SIGKILL)
                self._bury(hung=True)
                held = lock.holder(self.home)
            if held is not None:
                return self._alive(held)
            if self._starting is not None and time.monotonic() - self._starting[1] < START_SECONDS:
                return WorkerState(alive=False, state="starting", note="The worker is starting.", pid=self._starting[0])
            self._bury()
            if not start and not self._queue.count(("waiting",)):
                return WorkerState(alive=False, state="none", note="The worker sleeps until it is needed.")
            return self._start()

    def guard(self, *, seconds: float = 2.0) -> None:
        """Look after the worker every so often from a thread of this process, so that a night's queue goes on unwatched."""
        if self._guard is None:
            self._guard = threading.Thread(target=self._guarding, args=(seconds,), name="supervisor", daemon=True)
            self._guard.start()

    def stop(self, *, seconds: float = 10.0) -> None:
        """End the worker politely, then firmly; its running jobs become interrupted, without blame."""
        self._ended.set()
        with self._turn:
            held = lock.holder(self.home)
            pid = held.pid if held else self._starting[0] if self._starting else 0
            if pid:
                self._end(pid, signal.SIGTERM, seconds=seconds)
                self._end(pid, signal.SIGKILL)
            self._starting = None
            self._bury()

    def _bury(self, *, hung: bool = False) -> None:
        """End the jobs of a dead worker, while the lock is vacant, so that no new worker's job is taken for one of them."""
        with lock.look(self.home) as held:
            if held is None:
                self._queue.lost(hung=hung)

    def _guarding(self, seconds: float) -> None:
        while not self._ended.wait(seconds):
            with contextlib.suppress(Exception):  # a full disk or a busy database passes; the guard must not
                self.state()

    def _alive(self, held: lock.Holder) -> WorkerState:
        if self._starting and self._starting[0] == held.pid and time.monotonic() - self._starting[1] > YOUNG_SECONDS:
            self._starting = None
            self._young_deaths.clear()
        row = self._queue.worker()
        if row is None or row["name"] != held.name:
            return WorkerState(alive=True, state="starting", note="The worker is starting.", pid=held.pid)
        return WorkerState(alive=True, state=row["state"], device=row["device"], note=row["note"], pid=held.pid)

    def _start(self) -> WorkerState:
        now = time.monotonic()
        self._young_deaths = [at for at in self._young_deaths if now - at < REST_SECONDS]
        if len(self._young_deaths) >= MOST_YOUNG_DEATHS:
            return WorkerState(alive=False, state="broken", note=f"The worker cannot start. {self._last_words()}")
        try:
            pid = spawn_worker(self.home, self._command, self._environment)
        except OSError as error:
            raise WorkerLost(f"The worker could not be started ({error}); is the disk full or Python moved?") from error
        self._starting = (pid, now)
        return WorkerState(alive=False, state="starting", note="The worker is starting.", pid=pid)

    def _reap(self) -> None:
        """Notice the death of a process that we started ourselves."""
        if self._starting is None:
            return
        pid, since = self._starting
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended = pid
        if ended:
            if time.monotonic() - since < YOUNG_SECONDS and lock.holder(self.home) is None:
                self._young_deaths.append(time.monotonic())
            self._starting = None

    def _end(self, pid: int, how: signal.Signals, *, seconds: float = 5.0) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            held = lock.holder(self.home)
            if held is None or held.pid != pid:
                return
            time.sleep(0.05)

    def _want(self) -> None:
        """Leave a mark that somebody needs the worker, so that it does not end for idleness under an open page."""
        mark = self.home / "locks" / "wanted"
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()

    def _last_words(self) -> str:
        path = self.home / "logs" / "worker-stderr.log"
        with contextlib.suppress(OSError):
            lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
            if lines:
                return f"Its last words: {lines[-1][:300]}"
        return f"See {path.parent / 'worker.log'}."


def spawn_worker(home: Path, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start a worker process in a session of its own, so that it outlives a closed terminal; return its pid."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    root = str(Path(studio.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {**os.environ, **environment, "EASEL_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        command[0],
        list(command),
        variables,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(logs / "worker-stderr.log"), write, 0o600),
            # The web server makes its listening socket inheritable; a worker that held it would hold its port after it
            *((os.POSIX_SPAWN_CLOSE, handle) for handle in range(3, MOST_HANDLES) if _inherited(handle)),
        ],
        setsid=True,
    )


def _inherited(handle: int) -> bool:
    """Whether a child process would get this handle."""
    try:
        return os.get_inheritable(handle)
    except OSError:
        return False
