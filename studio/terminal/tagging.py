"""`tag` and `undo`: tags, ratings, favourites, notes and collections of many pictures at once, and the way back."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from studio.domain.errors import BadInput
from studio.terminal import searching
from studio.terminal.answers import DONE, open_home_studio, respond, say

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.gallery.keeping.changes import Applied, Change

_LISTED = 20


def options_of(tag: argparse.ArgumentParser, undo: argparse.ArgumentParser) -> None:
    """What both can be told."""
    tag.add_argument("ids", nargs="*", metavar="ID", help="artworks' numbers")
    tag.add_argument("--query", metavar="WORDS", help="all that a search finds, as in `find`: --query='-tag:x'")
    tag.add_argument("--limit", type=int, metavar="N", help=searching.HELP)
    tag.add_argument("--add", action="append", default=[], metavar="TAG", help="put a tag on; repeatable")
    tag.add_argument("--remove", action="append", default=[], metavar="TAG", help="take a tag off; repeatable")
    tag.add_argument("--rate", type=int, metavar="N", help="1 to 5, 0 for none, -1 for disliked")
    tag.add_argument("--favourite", action=argparse.BooleanOptionalAction, help="mark as favourites, or no longer")
    tag.add_argument("--note", metavar="TEXT", help="your own words on them; empty takes the note away")
    tag.add_argument("--collect", action="append", default=[], metavar="NAME", help="put into a collection; repeatable")
    tag.add_argument("--uncollect", action="append", default=[], metavar="NAME", help="take out of one; repeatable")
    undo.add_argument("change", nargs="?", type=int, metavar="CHANGE", help="as `tag` says it (default: the last one)")
    undo.add_argument("--list", action="store_true", help="only list the last changes")


def tag(options: argparse.Namespace) -> int:
    """Change pictures in one step; says which change it was."""
    from studio.gallery.keeping import changes

    studio = open_home_studio()
    lists = (options.add, options.remove, options.collect, options.uncollect)
    if not any(lists) and options.rate is None and options.favourite is None and options.note is None:
        raise BadInput("tag", "Say what is to be changed, such as --add boat or --rate 4; `tag --help` lists it.")
    ids, left = _chosen(studio, options)
    parts = _parts(studio, options)  # last: it makes the collections that are not there yet
    number = changes.apply(studio.gallery, ids, parts)
    if not number:
        respond(options, {"change": None, "pictures": 0, "left": left}, ["Nothing was changed; it was so already."])
        return DONE
    made = changes.get(studio.gallery, number)
    respond(options, {**_told(made), "left": left}, [f"{made.words}.", f"Undo it with: undo {number}"])
    return DONE


def undo(options: argparse.Namespace) -> int:
    """Undo a change, by default the last one; or list the last ones."""
    from studio.gallery.keeping import changes

    studio = open_home_studio()
    if options.list:
        made = changes.recent(studio.gallery, most=_LISTED)
        respond(options, {"changes": [_told(one) for one in made]}, [_line(one) for one in made] or ["No changes yet."])
        return DONE
    number = options.change
    if number is None:
        last = changes.last(studio.gallery)
        if last is None:
            raise BadInput("change", "There is nothing to undo.")
        number = last.id
    undone = changes.undo(studio.gallery, number)
    if undone.left or undone.gone:
        say("Not everything could be given back.")
    answer = {"pictures": undone.pictures, "left": undone.left, "gone": undone.gone}
    respond(options, {"change": _told(undone.change), **answer}, [f"{undone.change.words}.", undone.words])
    return DONE


def _parts(studio: Studio, options: argparse.Namespace) -> list[Change]:
    from studio.gallery.keeping import collections
    from studio.gallery.keeping.changes import Change

    parts = [Change("tag", one) for one in options.add] + [Change("untag", one) for one in options.remove]
    if options.rate is not None:
        parts.append(Change("rate", options.rate))
    if options.favourite is not None:
        parts.append(Change("favourite", options.favourite))
    if options.note is not None:
        parts.append(Change("remark", options.note))
    for what, names in (("collect", options.collect), ("uncollect", options.uncollect)):
        for name in names:
            held = collections.named(studio.database, name)
            if held is None:
                if what == "uncollect":
                    raise BadInput("uncollect", f"There is no collection named {name!r}.")
                held = collections.create(studio.database, name)
            parts.append(Change(what, held.id))
    return parts


def _chosen(studio: Studio, options: argparse.Namespace) -> tuple[list[int], int]:
    """The numbers given, or those that a search finds; and how many more it would."""
    if options.ids and options.query is not None:
        raise BadInput("query", "Give numbers or a query, not both.")
    if options.limit is not None and options.limit < 1:
        raise BadInput("limit", "The limit must be at least 1.")
    if options.query is None:
        if not options.ids:
            raise BadInput("ids", "Say which pictures: their numbers, or --query 'words'.")
        for one in options.ids:
            if not (one.isascii() and one.isdecimal() and len(one) <= 18):
                raise BadInput("ids", f"A picture has a number; {one!r} is none.")
        ids = [int(one) for one in options.ids]
        gone = [id for id in ids if id not in studio.gallery.many(ids)]
        if gone:
            raise BadInput("ids", f"There is no artwork {gone[0]}; it may have been deleted for good.")
        return ids, 0
    found = searching.found(studio, options.query, limit=options.limit)
    if not found.ids:
        raise BadInput("query", "That search finds nothing.")
    return found.ids, found.left


def _told(change: Applied) -> dict[str, Any]:
    return {
        "change": change.id,
        "pictures": change.pictures,
        "did": [{"what": part.what, "value": part.value} for part in change.parts],
        "at": change.at,
        "undone": change.undone_at is not None,
    }


def _line(change: Applied) -> str:
    undone = "  (undone)" if change.undone_at is not None else ""
    return f"{change.id:>6}  {datetime.fromtimestamp(change.at):%Y-%m-%d %H:%M}  {change.words}{undone}"
