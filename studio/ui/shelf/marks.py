"""The Shelf page's own markup: heads of packs, offers, packs on their way. Everything is escaped here; it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from studio.packs.manifest import Manifest
from studio.ui import show
from studio.ui.shelf import texts


def head(manifest: Manifest, facts: str, *, whole: bool) -> None:
    """The head of an installed pack: name, state, what it is, one line of facts."""
    chip = (
        f'<span class="chip good">{show.icon("task_alt")}Ready</span>'
        if whole
        else '<span class="chip bad">Incomplete</span>'
    )
    st.html(
        f'<div class="pack"><h2>{escape(manifest.name)}{chip}</h2><p>{escape(manifest.description)}</p>'
        f'<p class="facts">{escape(facts)}</p></div>'
    )


def offer(manifest: Manifest, facts: str, remarks: Sequence[str]) -> None:
    """One pack that may be installed: what it is, how large, under which licence, and what to know before."""
    licence = escape(manifest.licence)
    if manifest.licence_link.startswith("https://"):
        licence = f'<a href="{escape(manifest.licence_link)}" target="_blank" rel="noreferrer noopener">{licence}</a>'
    lines = "".join(f'<p class="facts">{escape(remark)}</p>' for remark in remarks if remark)
    st.html(
        f'<div class="offer"><h3>{escape(manifest.name)}</h3><p>{escape(manifest.description)}</p>'
        f'<p class="facts"><b>{escape(facts)}</b></p>'
        f'<p class="facts">{licence}. {escape(manifest.licence_note)}</p>{lines}</div>'
    )


def on_its_way(one: texts.Coming) -> None:
    """A pack on its way: its bar and one line."""
    failed = " failed" if one.failed else ""
    st.html(
        f'<div class="coming{failed}"><p><b>{escape(one.manifest.name)}</b></p>'
        f'<p class="facts">{escape(one.line)}</p>'
        f'<div class="bar" role="progressbar" aria-label="{escape(one.manifest.name)}" aria-valuemin="0"'
        f' aria-valuemax="100" aria-valuenow="{one.share * 100:.0f}"><i style="width:{one.share:.2%}"></i></div></div>'
    )


def found(name: str, facts: str, path: str, *, remark: str = "", why_not: str = "") -> None:
    """One of the user's own models: its name, what it is, where it lies, or why it cannot be used."""
    why = f'<p class="why">{escape(why_not)}</p>' if why_not else f'<p class="facts"><b>{escape(facts)}</b></p>'
    why += f'<p class="facts">{escape(remark)}</p>' if remark else ""
    st.html(f'<div class="offer"><h3>{escape(name)}</h3>{why}<p class="path">{escape(path)}</p></div>')


def contacts(lines: Sequence[tuple[str, str, str, str]]) -> None:
    """Every host that was contacted: host, why, how often and when, how much came."""
    heads = "".join(f"<th scope='col'>{one}</th>" for one in ("Host", "Why", "When", "Received"))
    inner = "".join(
        "<tr>"
        + f"<th scope='row'>{escape(host)}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for host, *cells in lines
    )
    st.html(f'<table class="differing contacts"><thead><tr>{heads}</tr></thead><tbody>{inner}</tbody></table>')
