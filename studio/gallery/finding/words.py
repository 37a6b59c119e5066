"""Full text: what stands in prompts, captions, notes, tags and names, through SQLite's FTS5. Every word is bound and quoted.

The table `words` is kept by triggers, never from here. It reads words: letters and digits, accents and case aside; a script
that is written without blanks is one long word to it, found from its beginning.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from studio.database import Database
from studio.domain.artwork import Why

FIELDS = ("prompt", "negative", "caption", "remark", "tags", "name")  # the table's columns, in its order
SHOWN = ("prompt", "caption", "remark", "tags", "name")  # what is asked for should not be found in what was not wanted
# A tag was put there on purpose; a caption says what is seen; a prompt is long and says what was wished for
WEIGHTS = (1.0, 0.0, 2.0, 2.0, 4.0, 0.5)
EXCERPT = 10  # words
_WORD = re.compile(r"[^\W_]+")
_PREFIX = 3  # characters from which a word also finds those that begin with it: boat, boats
_SMALL = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the", "to", "with")
)
_MOST = 32  # words of a search that full text looks for

Condition = tuple[str, list[Any]]


def holding(exact: Sequence[tuple[str, bool]]) -> list[Condition]:
    """Conditions on artworks: that their texts hold each of these, word after word, or do not."""
    return [_holds(text, wanted=wanted) for text, wanted in exact]


def any_of(terms: Iterable[str], *, columns: Sequence[str]) -> Condition:
    """The condition that one of these words stands in one of these columns."""
    expression = " OR ".join(_phrase(term) for term in terms)
    return "id IN (SELECT rowid FROM words WHERE words MATCH ?)", [f"{_in(columns)} : ({expression})"]


def _holds(text: str, *, wanted: bool) -> Condition:
    no = "" if wanted else "NOT "
    if _WORD.search(text) is None:  # "!?": no word of it is in the table, so the texts themselves are read
        told = " || char(10) || ".join(f"words.{column}" for column in SHOWN)
        return f"id {no}IN (SELECT rowid FROM words WHERE instr({told}, ?) > 0)", [text]
    return f"id {no}IN (SELECT rowid FROM words WHERE words MATCH ?)", [f"{_in(SHOWN)} : {_phrase(text)}"]


def expression(phrases: Iterable[str], without: Iterable[str] = (), *, every: bool = False) -> str:
    """What FTS5 is asked for these words, any of them, or `every` one, and none of the others.

    "" when there is nothing to ask.
    """
    wished = _terms(phrases)
    if not wished:
        return ""
    asked = (" AND " if every else " OR ").join(wished)
    barred = " OR ".join(_phrase(text) for text in without if _WORD.search(text))
    return f"({_in(SHOWN)} : ({asked})) NOT ({_in(SHOWN)} : ({barred}))" if barred else f"{_in(SHOWN)} : ({asked})"


def rank(database: Database, asked: str, *, clause: str, values: Sequence[Any], limit: int) -> list[int]:
    """The artworks that hold what `expression` asked for, best first by BM25 (ties: newest).

    Only those that a WHERE clause over the artworks lets through; all, the bin too, where it is empty.
    """
    if not asked:
        return []
    weights = ", ".join(map(str, WEIGHTS))
    # The plus keeps SQLite from asking the full text once for each row that the filters let through: 30 times as long
    among = f"AND +rowid IN (SELECT id FROM artworks {clause})" if clause else ""
    sql = f"SELECT rowid FROM words WHERE words MATCH ? {among} ORDER BY bm25(words, {weights}), rowid DESC LIMIT ?"
    return [int(row[0]) for row in database.read(sql, asked, *values, limit)]


def explain(database: Database, asked: str, ids: Sequence[int]) -> dict[int, Why]:
    """Of those artworks that hold what was asked: which words of which field, and an excerpt; the rest are left out."""
    if not asked or not ids:
        return {}
    mark = secrets.token_hex(8)  # the texts are strangers' and must not be able to hold it
    opening, closing = f"<{mark}", f"{mark}>"
    columns = ", ".join(f"highlight(words, {FIELDS.index(field)}, ?1, ?2) AS {field}" for field in SHOWN)
    sql = (
        f"SELECT rowid, {columns}, snippet(words, -1, '', '', '…', {EXCERPT}) AS excerpt FROM words"
        " WHERE words MATCH ?3 AND +rowid IN (SELECT value FROM json_each(?4))"
    )
    marked = re.compile(f"{re.escape(opening)}(.*?){re.escape(closing)}", re.DOTALL)
    found = {}
    for row in database.read(sql, opening, closing, asked, json.dumps(list(ids))):
        hits = [(field, tuple(dict.fromkeys(one.lower() for one in marked.findall(row[field])))) for field in SHOWN]
        words = tuple((field, told) for field, told in hits if told)
        found[int(row["rowid"])] = Why(words=words, excerpt=" ".join(row["excerpt"].split()))
    return found


def _terms(phrases: Iterable[str]) -> list[str]:
    """Each word once, quoted; the small ones only when there is nothing else."""
    found = list(dict.fromkeys(word for phrase in phrases for word in _WORD.findall(phrase.lower())))
    telling = [word for word in found if word not in _SMALL] or found
    return [_phrase(word) + ("*" if len(word) >= _PREFIX else "") for word in telling[:_MOST]]


def _phrase(text: str) -> str:
    """Text in FTS5's quotation marks, in which nothing is an operator."""
    # a NUL would end the statement's text, and half a character has no UTF-8
    plain = text.encode("utf-8", "replace").decode().replace("\0", " ")
    return '"' + plain.replace('"', '""') + '"'


def _in(columns: Sequence[str]) -> str:
    return "{" + " ".join(columns) + "}"
