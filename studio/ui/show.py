"""The only display of pictures and of other people's words. Everything that somebody typed is escaped here, once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from studio.domain.artwork import Artwork, Hit
from studio.domain.job import Job
from studio.places import ASSETS
from studio.ui import words

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!$:~<>|])")


def clothes() -> None:
    """Dress the page: our style sheet, inside the page so that nothing is fetched late."""
    sheet = (ASSETS / "studio.css").read_text(encoding="utf-8")
    st.html(f"<style>{sheet}</style>")


# --- words --------------------------------------------------------------------------------------------------------------


def line(text: str, *, style: str = "quiet") -> None:
    """One paragraph of plain text; `style` names a class of the style sheet."""
    st.html(f'<p class="{style}">{escape(text)}</p>')


def title(text: str, *, more: str = "") -> None:
    """The heading of a page or of a part of it, with a quiet remark beside it."""
    remark = f'<span class="quiet">{escape(more)}</span>' if more else ""
    st.html(f'<h1 class="page-title">{escape(text)}{remark}</h1>')


def part(text: str) -> None:
    """A small heading."""
    st.html(f'<h2 class="part">{escape(text)}</h2>')


def problem(sentence: str) -> None:
    """Something that must be read: what went wrong and what to do."""
    st.html(f'<div class="notice bad" role="alert">{icon("error")}<p>{escape(sentence)}</p></div>')


def notice(headline: str, sentence: str = "", *, kind: str = "plain", symbol: str = "info") -> None:
    """A panel with a headline and a sentence; `kind` is plain, good or bad."""
    inner = f"<p><strong>{escape(headline)}</strong></p>" + (f"<p>{escape(sentence)}</p>" if sentence else "")
    st.html(f'<div class="notice {kind}" role="status">{icon(symbol)}<div>{inner}</div></div>')


def empty(headline: str, sentence: str) -> None:
    """What a page says before there is anything on it."""
    st.html(f'<div class="empty"><p class="big">{escape(headline)}</p><p>{escape(sentence)}</p></div>')


def rows(pairs: Sequence[tuple[str, str]], *, mono: bool = False) -> None:
    """Labels and values, in two columns; `mono` for hashes."""
    inner = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in pairs)
    st.html(f'<dl class="rows{" mono" if mono else ""}">{inner}</dl>')


def table(heads: tuple[str, str], lines: Sequence[tuple[str, str, str]]) -> None:
    """Labels with two values each, such as what differs between two recipes; `heads` names the two."""
    head = "".join(f"<th scope='col'>{escape(one)}</th>" for one in heads)
    inner = "".join(
        f"<tr><th scope='row'>{escape(label)}</th><td>{escape(one)}</td><td>{escape(two)}</td></tr>"
        for label, one, two in lines
    )
    st.html(f'<table class="differing"><thead><tr><th></th>{head}</tr></thead><tbody>{inner}</tbody></table>')


def leaving(lines: Sequence[tuple[str, bool, str]]) -> None:
    """What leaves and what stays, one line each: what it is, whether it leaves, a remark."""
    inner = "".join(
        f'<li class="{"goes" if leaves else "stays"}">{icon("check" if leaves else "block")}<span>{escape(what)}'
        f'<i class="sr-only">{": leaves" if leaves else ": stays here"}</i></span><em>{escape(remark)}</em></li>'
        for what, leaves, remark in lines
    )
    st.html(f'<ul class="leaving" aria-label="What leaves and what stays here">{inner}</ul>')


def plain(text: str) -> str:
    """Words for a label or a toast, which read Markdown: every sign stands for itself."""
    return _MARKS.sub(r"\\\1", text)


def icon(name: str) -> str:
    """A Material symbol as markup; decoration, so that nobody reads its name aloud."""
    return f'<span class="symbol" aria-hidden="true">{escape(name)}</span>'


# --- pictures -------------------------------------------------------------------------------------------------------


def picture(artwork: Artwork, *, room: int = 0) -> None:
    """One picture as large as it fits. `room` is the height in pixels that the rest of the page needs; 0 fills the width."""
    st.html(picture_markup(artwork, room=room))


def picture_markup(artwork: Artwork, *, room: int = 0) -> str:
    """The markup of `picture`: fetched from our own route, its alt text escaped."""
    fit = (
        f"width:min(100%,calc((100vh - {int(room)}px) * {artwork.width} / {artwork.height}))" if room else "width:100%"
    )
    return (
        f'<div class="picture" style="{fit}"><img src="/pictures/{int(artwork.id)}" alt="{escape(artwork.alt)}"'
        f' width="{int(artwork.width)}" height="{int(artwork.height)}"'
        f' style="aspect-ratio:{int(artwork.width)}/{int(artwork.height)}"></div>'
    )


def as_wide(key: str, artwork: Artwork, *, room: int) -> None:
    """Make the container of that key as wide as the picture above it, so that their edges meet."""
    st.html(f"<style>.st-key-{key}{{{_fit(artwork, room)};margin:0 auto}}</style>")


def _fit(artwork: Artwork, room: int) -> str:
    return f"width:min(100%,calc((100vh - {int(room)}px) * {int(artwork.width)} / {int(artwork.height)}))"


def preview(name: str, alt: str) -> None:
    """A small checked picture that is not in the gallery, by the name the worker gave it."""
    st.html(f'<div class="picture small"><img src="/previews/{escape(name)}" alt="{escape(alt)}"></div>')


def stretched(artwork: Artwork, sides: tuple[int, int, int, int], *, room: int) -> None:
    """A picture with the room that it will be extended by: pixels on the left, top, right and bottom."""
    st.html(stretched_markup(artwork, sides, room=room))


def stretched_markup(artwork: Artwork, sides: tuple[int, int, int, int], *, room: int) -> str:
    """The markup of `stretched`."""
    left, top, right, bottom = (int(side) for side in sides)
    width, height = left + int(artwork.width) + right, top + int(artwork.height) + bottom
    fit = f"width:min(100%,calc((100vh - {int(room)}px) * {width} / {height}));aspect-ratio:{width}/{height}"
    place = (
        f"left:{left / width:.3%};top:{top / height:.3%};"
        f"width:{artwork.width / width:.3%};height:{artwork.height / height:.3%}"
    )
    return (
        f'<div class="stretched" style="{fit}"><img src="/pictures/{int(artwork.id)}" alt="{escape(artwork.alt)}"'
        f' style="{place}"></div>'
    )


def drawing(src: str, alt: str, width: int, height: int, *, room: int) -> None:
    """A picture that is not an artwork yet, such as the preview of a map, as large as it fits; `src` is a path of ours."""
    width, height = max(1, int(width)), max(1, int(height))
    fit = f"width:min(100%,calc((100vh - {int(room)}px) * {width} / {height}));aspect-ratio:{width}/{height}"
    st.html(f'<div class="picture plain" style="{fit}"><img src="{escape(src)}" alt="{escape(alt)}"></div>')


def chosen(src: str, headline: str, sentence: str, *, alt: str = "", symbol: str = "image") -> None:
    """A thumbnail with a line or two beside it; `src` is a path of ours, and where it is empty a symbol stands for it."""
    image = f'<img src="{escape(src)}" alt="{escape(alt)}">' if src else f"<i>{icon(symbol)}</i>"
    st.html(
        f'<div class="chosen">{image}<div><p><strong>{escape(headline)}</strong></p>'
        f'<p class="more">{escape(sentence)}</p></div></div>'
    )


def caption(artwork: Artwork, *, measured: str = "") -> None:
    """What stands under a picture: its caption, the gate's verdict, and what was `measured` on its file."""
    more = f"<span>{icon('straighten')}{escape(measured)}</span>" if measured else ""
    st.html(
        f'<div class="caption"><p>{escape(words.said(artwork))}</p>'
        f'<p class="verdict"><span>{icon("verified_user")}{escape(words.margin(artwork.verdict))}</span>{more}</p></div>'
    )


def verdict(artwork: Artwork, *, more: str = "") -> None:
    """The gate's verdict on a kept picture, and a remark."""
    remark = f"<span>{escape(more)}</span>" if more else ""
    st.html(
        f'<p class="verdict"><span>{icon("verified_user")}{escape(words.margin(artwork.verdict))}</span>{remark}</p>'
    )


def kept() -> None:
    """A result that is in the gallery."""
    st.html(f'<span class="chip good kept">{icon("check")}In the gallery</span>', width="content")


def asked(question: str, answer: str, style: str, *, note: str = "") -> None:
    """A question about a picture and what was said to it; `style` is answer, quiet or bad, `note` how far to trust it."""
    below = f'<p class="quiet">{escape(note)}</p>' if note else ""
    st.html(
        f'<div class="asked" role="status"><p class="quiet">{escape(question)}</p>'
        f'<p class="{escape(style)}">{escape(answer)}</p>{below}</div>'
    )


def quote(text: str) -> None:
    """Words that somebody typed, exactly as typed."""
    st.html(f'<p class="quote">{escape(text)}</p>')


def download(artwork: Artwork) -> None:
    """A link to the original file, byte for byte."""
    st.html(
        f'<a class="button" href="/pictures/{int(artwork.id)}?download=1" download'
        f' title="Download the original" aria-label="Download the original">{icon("download")}<span>Download</span></a>'
    )


def link(path: str, label: str, *, name: str, symbol: str = "download") -> None:
    """A link that saves a file of ours under a name; `path` is a route of the studio."""
    st.html(
        f'<a class="button" href="{escape(path)}" download="{escape(name)}">{icon(symbol)}<span>{escape(label)}</span></a>',
        width="content",
    )


def tiles(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Hits as the grid wants them."""
    return [
        {
            "id": hit.artwork.id,
            "src": f"/thumbs/{hit.artwork.id}",
            "alt": hit.artwork.alt,
            "label": ""
            if hit.score is None
            else f"{round(hit.score, 2) + 0.0:.2f}",  # adding 0 takes the minus from -0.00
            "favourite": hit.artwork.favourite,
        }
        for hit in hits
    ]


def skeletons(count: int) -> None:
    """Where pictures will be."""
    st.html(f'<div class="skeletons" aria-hidden="true">{"<i></i>" * count}</div>')


def job(job: Job, line: str, pictures: Sequence[int]) -> None:
    """A job as one row: its pictures, what it is about, how it is and why."""
    thumbs = "".join(f'<img src="/thumbs/{int(id)}" alt="" loading="lazy">' for id in pictures)
    kind, about = words.KINDS.get(job.kind, job.kind), words.about(job)
    facts = [*([kind] if about else ()), f"no. {job.id}"]  # what is about the whole gallery is named by its kind
    if not job.live:
        facts += filter(None, (words.ago(job.ended_at or job.created_at), words.took(job.seconds)))
    if job.kind == "import" and job.result:
        facts.append(words.imported(job.result))
    why = line if job.live else "" if job.state == "done" else job.error
    st.html(
        f'<div class="job {escape(job.state)}"><div class="thumbs">{thumbs}</div>'
        f'<div class="what"><p>{escape(about or kind)}</p>'
        f'<p class="facts"><b>{escape(words.STATES.get(job.state, job.state))}</b> {escape(" · ".join(facts))}</p>'
        + (f'<p class="why">{escape(why)}</p>' if why else "")
        + (f'<div class="bar"><i style="width:{words.share(job):.1%}"></i></div>' if job.state == "running" else "")
        + "</div></div>"
    )


def grid(title: str, about: str, facts: str, pictures: Sequence[int], *, share: float | None) -> None:
    """A grid as one row of the queue: some of its pictures, its prompt, what it varies; `share` is done while it is painted."""
    thumbs = "".join(f'<img src="/thumbs/{int(id)}" alt="" loading="lazy">' for id in pictures)
    bar = "" if share is None else f'<div class="bar"><i style="width:{share:.1%}"></i></div>'
    st.html(
        f'<div class="job"><div class="thumbs">{thumbs}</div><div class="what"><p>{escape(about)}</p>'
        f'<p class="facts"><b>{escape(title)}</b> {escape(facts)}</p>{bar}</div></div>'
    )


def pack(name: str, description: str, *, whole: bool) -> None:
    """The head of a pack's card."""
    state = (
        f'<span class="chip good">{icon("task_alt")}Ready</span>'
        if whole
        else '<span class="chip bad">Incomplete</span>'
    )
    st.html(f'<div class="pack"><h2>{escape(name)}{state}</h2><p>{escape(description)}</p></div>')


def points(sentences: Sequence[str]) -> None:
    """A short list."""
    st.html('<ul class="points">' + "".join(f"<li>{escape(one)}</li>" for one in sentences) + "</ul>")


# --- the frame ------------------------------------------------------------------------------------------------------


def wordmark() -> None:
    """The name of the house."""
    st.html('<span class="wordmark">Easel</span>', width="content")


WORKER = {
    "none": "Asleep",
    "starting": "Waking up",
    "warming": "Warming up",
    "ready": "Ready",
    "busy": "Working",
    "broken": "Cannot start",
}


def worker(alive: bool, state: str, device: str, *, jobs: int) -> None:
    """How the worker is, in a word, and how many jobs there are."""
    word = WORKER.get(state, state.capitalize())
    queue = f" · {jobs} in the queue" if jobs else ""
    tone = "bad" if state == "broken" else "on" if alive else "off"
    st.html(
        f'<div class="worker {tone}" title="{escape(device)}"><i></i><span>{escape(word)}{escape(queue)}</span></div>'
    )
