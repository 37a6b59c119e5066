"""What stands under a prompt: how it will be read, what its wildcards pick from, and words to click. It queues nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st

from studio.app import Studio
from studio.domain import wildcards
from studio.domain.errors import BadInput, PackMissing
from studio.domain.prompting import chosen
from studio.domain.recipe import Recipe
from studio.domain.style import styled
from studio.domain.tags import tags
from studio.packs.manifest import Manifest
from studio.packs.words import PromptReading, read_prompt
from studio.phrases.nearest import instead, nearest
from studio.phrases.wording import bare, find_lora
from studio.ui import show

CUT_SHOWN = 160  # characters of what the model will not see
MOST_CHIPS = 6

Edit = Callable[[Callable[[str], str]], None]  # changes the prompt as it then stands; for callbacks


def under(
    studio: Studio,
    prompt: str,
    manifest: Manifest,
    *,
    hint: str,
    negative: str = "",
    styles: Sequence[str] = (),
    loras: Sequence[str] = (),
    edit: Edit | None = None,
    key: str = "reading",
) -> None:
    """How the pack will read the prompt, or `hint` while there is none; with `edit`, words to click.

    `loras` are the packs chosen beside the prompt, whose trigger words are offered.
    """
    if not prompt.strip():
        show.line(hint, style="reading")
        return
    try:
        pack = studio.shelf.get(manifest.id)
        text, picks, problem = _worded(studio, prompt, negative, manifest, styles)
        worn = _worn(studio, prompt, loras)
        read, own = _taught(read_prompt(pack, text), worn), _taught(read_prompt(pack, bare(prompt)), worn).unknown
    except PackMissing as error:
        show.problem(str(error))
        return
    known = pack.words()
    offers = _offers(prompt, own, known=known, worn=worn) if edit is not None else []
    st.html(markup(read, pack=manifest.name, picks=picks, known=known, own=own, below=bool(offers), problem=problem))
    if edit is not None and offers:
        _chips(offers, edit, key=key)


def _worded(
    studio: Studio, prompt: str, negative: str, manifest: Manifest, styles: Sequence[str]
) -> tuple[str, list[tuple[str, int]], str]:
    """What will be read, what each wildcard picks from (name, lines), and why it cannot be, as a sentence."""
    picks = []
    try:
        whole = styled(prompt, negative, studio.styles.named(styles) if styles else ())
        for name in dict.fromkeys([*wildcards.named(whole[0]), *wildcards.named(whole[1])]):
            picks.append((name, len(studio.wildcards.lines(name))))
        recipe = Recipe(prompt, negative=negative, pack=manifest.id)
        said = studio.worded(recipe, styles).recipe.prompt
        if picks:  # one of its pictures, so that what the model cuts off can be shown
            said = chosen(said, recipe.seed)
        return said, picks, ""
    except BadInput as error:
        return bare(prompt), picks, str(error)


def markup(
    read: PromptReading,
    *,
    pack: str,
    picks: Sequence[tuple[str, int]] = (),
    known: frozenset[str] = frozenset(),
    own: Sequence[str] | None = None,
    below: bool = False,
    problem: str = "",
) -> str:
    """The line under a prompt: tokens, what is picked, words that the pack never learned, and what it will not see.

    `own` are the strange words that were typed (all of them, where nothing is said); the others come with styles and wildcards.
    With `below`, what is known instead of the first follows as words to click.
    """
    own = read.unknown if own is None else own
    over = "over" if read.tokens > read.limit else ""
    parts = [f'<span class="count {over}">{read.tokens} of {read.limit} tokens</span>']
    for name, lines in picks:
        parts.append(f"<span>one of {lines:,} <b>{escape(name)}</b></span>")
    if read.unseen.strip():
        cut = read.unseen.strip()
        shown = cut[:CUT_SHOWN] + ("…" if len(cut) > CUT_SHOWN else "")
        parts.append(f'<span>The model will not see <mark class="cut">{escape(shown)}</mark></span>')
    if problem:
        parts.append(f'<span class="bad" role="alert">{escape(problem)}</span>')
    others = len(set(read.unknown) - set(own))
    if others:
        words = "word" if others == 1 else "words"
        parts.append(f"<span>Of its styles and wildcards {escape(pack)} does not know {others} {words}.</span>")
    if own:
        parts.append(f"<span>{_strange(own, pack, known, below=below)}</span>")
    return f'<div class="reading" role="status">{"".join(parts)}</div>'


def _strange(unknown: Sequence[str], pack: str, known: frozenset[str], *, below: bool) -> str:
    """What is said of words that the pack does not know: their names, and of the first what it knows instead."""
    first = nearest(unknown[0], known)
    marked = [f"<mark>{escape(word)}</mark>" for word in unknown[:8]]
    if len(unknown) > 8:
        marked.append(f"{len(unknown) - 8} more")
    said = f"{escape(pack)} does not know {' and '.join(filter(None, (', '.join(marked[:-1]), marked[-1])))}."
    if not first.offers:
        return said
    offers = ":" if below else f" {', '.join(escape(offer) for offer in first.offers)}"
    end = "" if below else "."
    if not first.what:
        of = f" for {escape(first.word)}" if len(unknown) > 1 else ""
        return f"{said} Did you mean{of}{offers}{end and '?'}"
    of = f"Instead of {escape(first.word)}" if len(unknown) > 1 else f"Of {escape(first.what)}"
    return f"{said} {of} it knows{offers}{end}"


def _worn(studio: Studio, prompt: str, loras: Sequence[str]) -> list[Manifest]:
    """The LoRAs that are here of those chosen beside the prompt and named in it, once each."""
    ids = dict.fromkeys([*loras, *filter(None, (find_lora(studio.shelf, tag.name) for tag in tags(prompt)))])
    here = {pack.id: pack.manifest for pack in studio.shelf.packs()} if ids else {}
    return [here[id] for id in ids if id in here]


def _taught(read: PromptReading, worn: Sequence[Manifest]) -> PromptReading:
    """The reading, where words that a LoRA was taught are no strange ones."""
    words = {word for manifest in worn for phrase in manifest.trigger_words for word in phrase.lower().split()}
    return replace(read, unknown=tuple(word for word in read.unknown if word.lower() not in words))


def _offers(
    prompt: str, unknown: Sequence[str], *, known: frozenset[str], worn: Sequence[Manifest]
) -> list[tuple[str, Callable[[str], str], str]]:
    """(label, what a click does to the prompt, its tip) of each word to click."""
    made: list[tuple[str, Callable[[str], str], str]] = []
    if unknown:
        strange = unknown[0]
        for offer in nearest(strange, known).offers:
            made.append((offer, partial(instead, word=strange, offer=offer), ""))
    for manifest in worn:
        for word in manifest.trigger_words:
            if word.lower() not in prompt.lower():
                made.append((word, partial(added, word=word), f"{manifest.name} listens to it"))
    return made[:MOST_CHIPS]


def added(text: str, word: str) -> str:
    """The prompt with a word at its end, once."""
    if word.lower() in text.lower():
        return text
    return ", ".join(part for part in (text.strip().removesuffix(","), word) if part)


def _chips(offers: Sequence[tuple[str, Callable[[str], str], str]], edit: Edit, *, key: str) -> None:
    if not offers:
        return
    with st.container(horizontal=True, gap="small", key=f"{key}_chips"):
        for number, (label, change, tip) in enumerate(offers):
            st.button(
                show.plain(label),
                key=f"{key}_chip_{number}",
                help=show.plain(tip) or None,
                on_click=edit,
                args=(change,),
            )
