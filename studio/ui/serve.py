"""Starts the web process on this machine only, says where it is, and waits. It renders nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from types import FrameType

from studio.domain.errors import Failed, WorkerLost
from studio.places import ROOT, default_home, open_home

ADDRESS = "127.0.0.1"
START_LIMIT = 90.0  # seconds; a cold disk needs ten
TRIES = 50  # ports


def serve(*, port: int, browser: bool) -> int:
    """Serve the studio on the first free port from `port` on until Ctrl+C; returns the server's exit code.

    Raises Failed when no port is free and WorkerLost when the server does not answer.
    """
    home = open_home(default_home())
    port = free_port(port)
    url = f"http://{ADDRESS}:{port}"
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "streamlit_app.py"), "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "EASEL_HOME": str(home)})

    def stop(number: int, frame: FrameType | None) -> None:
        server.terminate()

    signal.signal(signal.SIGTERM, stop)
    try:
        _await(server, port)
        print(f"Easel is open at {url}\nPictures are kept in {home}\nPress Ctrl+C to stop.", flush=True)
        if browser and (sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(url)
        server.wait()
    except KeyboardInterrupt:
        server.terminate()
    finally:
        code = server.wait()
    return 0 if code in (0, -signal.SIGTERM, -signal.SIGINT) else code


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on; raises Failed after 50."""
    for port in range(first, first + TRIES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
            return port
    raise Failed(f"Ports {first} to {first + TRIES - 1} are all taken; choose another with --port.")


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise WorkerLost(f"The web server stopped with code {server.returncode}; its words are above.")
        try:
            with socket.create_connection((ADDRESS, port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    server.terminate()
    raise WorkerLost(f"The web server did not answer within {START_LIMIT:g} s.")
