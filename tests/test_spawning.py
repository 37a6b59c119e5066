"""A worker gets nothing of the process that starts it: not the listening socket of a web server either."""

import os
import socket
import sys

from studio.jobs.supervisor import spawn_worker


def test_a_worker_does_not_hold_the_port_of_the_server_that_started_it(home):
    out = home / "handles"
    code = (
        "import os, sys\nfound = []\nfor n in range(3, 200):\n    try:\n        os.fstat(n)\n    except OSError:\n"
        "        continue\n    found.append(n)\nopen(sys.argv[1], 'w').write(repr(found))"
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.set_inheritable(True)
        assert 3 <= server.fileno() < 200
        pid = spawn_worker(home, (sys.executable, "-c", code, str(out)), {})
        _, status = os.waitpid(pid, 0)
    assert status == 0
    assert out.read_text() == "[]"
