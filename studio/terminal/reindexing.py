"""`reindex`: makes the vectors that searches lack, and what makes them quick. It changes no artwork."""

from __future__ import annotations

import argparse

from studio.terminal.answers import DONE, must_be_done, open_home_studio, respond, wait


def reindex(options: argparse.Namespace) -> int:
    """Read what the search model has not read yet, newest first, and say how much that was; returns the exit code.

    Stopped with Ctrl+C, or by Cancel on a page, it goes on from there the next time.
    """
    studio = open_home_studio()
    job = wait(studio, studio.reindex())
    must_be_done(job)
    body = {name: job.result.get(name) for name in ("pictures", "captions", "left", "learnt", "model")}
    lines = [f"{body['pictures']:,} pictures and {body['captions']:,} captions were read by {body['model']}."]
    if body["left"]:
        lines.append(f"{body['left']:,} could not be read; `python -m studio check` says why.")
    respond(options, {**body, "job": {"id": job.id, "seconds": job.seconds}}, lines)
    return DONE
