"""`ask`: a question about a picture, answered by a pack that can. It keeps nothing."""

from __future__ import annotations

import argparse

from studio.terminal import guiding
from studio.terminal.answers import DONE, must_be_done, open_home_studio, respond, wait


def ask(options: argparse.Namespace) -> int:
    """Answer one question about an artwork or a file; returns the exit code."""
    studio = open_home_studio()
    id, data = guiding.named(studio, options.file)
    job = wait(studio, studio.ask(options.question, artwork=id, data=data))
    must_be_done(job)
    said = {"question": job.payload["question"]} | {key: job.result[key] for key in ("answer", "by", "note")}
    respond(options, said, [said["answer"] or "It has no answer to that.", *filter(None, [said["note"]])])
    return DONE
