"""The terminal's words about styles and wildcard files: list them, bring styles in. What they do is the studio's."""

from __future__ import annotations

import argparse

from studio.domain.errors import BadInput
from studio.terminal.answers import DONE, open_home_studio, respond, say


def styles(options: argparse.Namespace) -> int:
    """Every style with its words; with --import those of a styles.csv come in first. Raises BadInput."""
    studio = open_home_studio()
    if options.table is not None:
        try:
            data = options.table.read_bytes()
        except OSError as error:
            raise BadInput("import", f"{options.table} cannot be read ({error.strerror}).") from error
        added, left = studio.styles.bring(data)
        say(f"{len(added)} new style{'s' * (len(added) != 1)}.")
        for sentence in left:
            say(sentence)
    rows = [{"name": one.name, "prompt": one.prompt, "negative": one.negative} for one in studio.styles.all()]
    wide = max((len(row["name"]) for row in rows), default=0)
    respond(options, {"styles": rows}, [f"{row['name']:<{wide}}  {' '.join(row['prompt'].split())}" for row in rows])
    return DONE


def wildcards(options: argparse.Namespace) -> int:
    """The wildcard files and how many entries each has, or the entries of one. Raises BadInput."""
    studio = open_home_studio()
    if options.name is not None:
        name = options.name.strip("_")
        lines = studio.wildcards.lines(name)
        respond(options, {"name": name, "lines": list(lines)}, list(lines))
        return DONE
    rows = []
    for name in studio.wildcards.names():
        try:
            rows.append({"name": name, "lines": len(studio.wildcards.lines(name)), "problem": ""})
        except BadInput as error:  # not text, or too much of it; the others can be used
            rows.append({"name": name, "lines": 0, "problem": str(error)})
    told = [f"__{row['name']}__  {row['problem'] or row['lines']}" for row in rows]
    respond(options, {"folder": str(studio.wildcards.folder), "wildcards": rows}, told)
    return DONE
