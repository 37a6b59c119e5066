"""What tests need to know when several processes run them side by side, as `make test` does: who else is there."""

import os

PROCESS = "PYTEST_XDIST_WORKER"  # "gw0", "gw1" ... where there are several


def first_port(usual: int) -> int:
    """Where to begin to look for a free port: not where the process beside this one looks at the same moment."""
    return usual + 1000 * int(os.environ.get(PROCESS, "gw0").removeprefix("gw"))


def share_the_cores() -> None:
    """One thread of torch for each process, and each that it starts: threads that wait for each other's cores cost thrice."""
    if PROCESS in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
