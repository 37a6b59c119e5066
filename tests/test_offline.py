"""A whole run, from `python -m studio run` to a found picture, listens on loopback only and asks for no other machine."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from studio.app import open_studio

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A new home, a watchman in every process, and the studio served as a new user would start it."""
    home = tmp_path_factory.mktemp("offline")
    log = home / "connections.log"
    log.touch()
    environment = {
        **os.environ,
        "EASEL_HOME": str(home / "easel"),
        "EASEL_WATCHMAN": str(log),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "watchman"), str(ROOT)]),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "studio", "run", "--port", "8840", "--no-browser"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)", server.stdout.readline())[1])
    yield environment, log, server, port
    if server.poll() is None:
        server.terminate()
        server.wait(timeout=30)
    server.stdout.close()
    studio = open_studio(home / "easel")
    studio.supervisor.stop()
    studio.close()


def ask(environment, *words):
    answer = subprocess.run(
        [sys.executable, "-m", "studio", *words, "--json"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def listening() -> dict[str, str]:
    """Inode of every listening TCP socket of this machine -> its address in the kernel's hexadecimal."""
    sockets = {}
    for table in ("tcp", "tcp6"):
        lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        sockets.update({line.split()[9]: line.split()[1] for line in lines if line.split()[3] == "0A"})
    return sockets


def sockets_of(pid: int) -> list[str]:
    """Addresses on which a process and its children listen."""
    pids = [str(pid)]
    for one in pids:
        pids += Path(f"/proc/{one}/task/{one}/children").read_text().split()
    addresses = listening()
    links = [str(link.readlink()) for one in pids for link in Path(f"/proc/{one}/fd").iterdir() if link.is_symlink()]
    inodes = [match[1] for match in (re.fullmatch(r"socket:\[(\d+)\]", link) for link in links) if match]
    return [addresses[inode] for inode in inodes if inode in addresses]


@pytest.mark.slow
def test_a_whole_run_asks_for_no_other_machine(world):
    environment, log, server, port = world
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()
    painted = ask(environment, "paint", "a large red star at night", "--seed", "3", "--steps", "6")
    found = ask(environment, "find", "star")
    assert [hit["id"] for hit in found["hits"]] == [one["id"] for one in painted["artworks"]]
    assert log.read_text() == ""
    if sys.platform == "linux":
        addresses = sockets_of(server.pid)
        assert addresses and all(address.startswith("0100007F:") for address in addresses)


@pytest.mark.slow
def test_the_watchman_is_awake(world):
    """The test above could not fail if the hook were not there: ask for another machine, and see it written down."""
    environment, log, _, _ = world
    program = "import socket\ntry: socket.create_connection(('192.0.2.1', 9), timeout=0.01)\nexcept OSError: pass"
    before = log.read_text()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert "192.0.2.1" in log.read_text().removeprefix(before)
    log.write_text(before)


@pytest.mark.slow
def test_a_second_run_takes_another_port_and_both_end_politely(world):
    environment, _, server, port = world
    second = subprocess.Popen(
        [sys.executable, "-m", "studio", "run", "--port", str(port), "--no-browser"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = second.stdout.readline()
    assert "127.0.0.1" in line and f":{port}" not in line
    for one in (second, server):
        one.send_signal(signal.SIGTERM)
        assert one.wait(timeout=60) == 0
    second.stdout.close()
