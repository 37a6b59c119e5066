"""Loaded by every Python process of tests/test_offline.py: writes down each address outside this machine that is asked for."""

import os
import sys

LOCAL = ("127.", "::1", "localhost", "0.0.0.0")  # to listen on all of them is caught elsewhere


def watch(event: str, facts: tuple) -> None:
    if event == "socket.connect" and isinstance(facts[1], tuple):
        host = str(facts[1][0])
    elif event == "socket.getaddrinfo":
        host = str(facts[0])
    else:
        return
    if not host.startswith(LOCAL):
        with open(os.environ["EASEL_WATCHMAN"], "a") as log:  # noqa: PTH123  (pathlib may not be importable yet)
            log.write(f"{os.getpid()} {sys.argv} {event} {host}\n")


if "EASEL_WATCHMAN" in os.environ:
    sys.addaudithook(watch)
