"""`repeat`: paints an artwork again and says how near it comes; it decides nothing of it."""

from __future__ import annotations

import argparse

from studio.domain.errors import BadInput
from studio.terminal.answers import DONE, facts, must_be_done, open_home_studio, respond, wait


def repeat(options: argparse.Namespace) -> int:
    """Paint an artwork once more with its seed, compare every pixel, and say why it differs; returns the exit code.

    A picture that comes out different is an answer, not a failure: the code is 0, and the answer says so.
    """
    studio = open_home_studio()
    if not (options.id.isascii() and options.id.isdecimal() and len(options.id) <= 18):
        raise BadInput("id", f"An artwork is named by its number in the gallery; {options.id!r} is none.")
    job = wait(studio, studio.repeat(int(options.id)))
    must_be_done(job)
    result = job.result
    body = {name: result[name] for name in ("artwork", "same", "sentence", "measured", "differences")}
    lines = [str(result["sentence"])]
    lines += [f"  {one['label']}: {one['then']} there, {one['here']} here" for one in result["differences"]]
    if options.keep and result.get("spool"):
        kept = wait(studio, studio.keep_repeat(job.id))
        must_be_done(kept)
        artwork = studio.gallery.get(kept.result["artworks"][0])
        body["kept"] = facts(studio, artwork)
        lines.append(str(studio.gallery.path(artwork)))
    respond(options, {**body, "job": {"id": job.id, "seconds": job.seconds}}, lines)
    return DONE
