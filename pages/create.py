"""Create: from words to pictures."""

from collections.abc import Callable

import streamlit as st

from studio.domain.artwork import Artwork, Hit, Query
from studio.domain.errors import EaselError
from studio.domain.job import LIVE, Job
from studio.domain.recipe import COUNT_RANGE, Recipe
from studio.packs.manifest import Manifest
from studio.ui import (
    afford,
    components,
    desk,
    forms,
    knobs,
    outfit,
    press,
    reading,
    reference,
    session,
    show,
    styles,
    watch,
    words,
)
from studio.ui.grid import form as grid_form
from studio.ui.grid import stage as grid_stage

HERO = (
    318  # pixels of the window's height that are not the picture: the frame, its caption, its buttons, the recent ones
)
RECENT = 18
BATCH_COLUMNS = {2: 2, 3: 3, 4: 2, 5: 3, 6: 3, 7: 4, 8: 4}  # pictures -> columns

studio = session.studio()


# --- what the buttons do ------------------------------------------------------------------------------------------------


def paint(wish: str) -> None:
    desk.paint(studio, wish)


def again(recipe: Recipe) -> Callable[[str], None]:
    return lambda wish: desk.paint_recipe(studio, recipe.with_seed(forms.new_seed()), wish)


def run_again(job: Job) -> Callable[[str], None]:
    return lambda wish: desk.run_again(studio, job.id, wish)


def roll() -> None:
    st.session_state[desk.key("seed")] = str(forms.new_seed())


def opened(key: str) -> None:
    st.session_state["create_open"] = components.picked(key)


# --- the controls -------------------------------------------------------------------------------------------------------


def controls(manifest: Manifest, packs: dict[str, str]) -> None:
    # The button is drawn before the box that stands above it, and the style sheet hides the box until the button is there:
    # nobody else hears Ctrl+Enter, and the first one of a quick person must not be lost.
    above = st.container(key="wish")
    # After each press the button is another one, so that a second press on a page not redrawn is told from a new wish.
    with st.container(key="paint"):
        st.button(
            forms.paint_label(desk.fields()["count"]),
            key=f"paint_{pressed.key}",
            type="primary",
            icon=":material/brush:",
            shortcut="Ctrl+Enter",
            on_click=pressed.note,
            args=(pressed.key, paint),
            width="stretch",
        )
    with above:
        wish(manifest, packs)
    afford.create(studio, desk.fields(), key=desk.key)
    with st.expander("More", key="create_more"):
        st.selectbox(
            "Second pass",
            forms.passes_offered(desk.fields()["hires"]),
            key=desk.key("hires"),
            format_func=forms.pass_words,
            help="Paints the finished picture once more at a larger size, for cleaner detail.",
        )
        knobs.parts(studio, manifest, desk.fields(), key=desk.key)
        reference.choose(studio, manifest, key=desk.key)
        knobs.finer(key=desk.key, roll=roll)
    grid_form.draw(studio, manifest, pressed)


def wish(manifest: Manifest, packs: dict[str, str]) -> None:
    st.text_area(
        "Prompt",
        key=desk.PROMPT,
        height=128,
        placeholder="Say what you would like to see",
        on_change=desk.committed,
    )
    components.typing(key=desk.TYPING, target=f"st-key-{desk.PROMPT}")
    fields = desk.fields()
    reading.under(
        studio, fields["prompt"], manifest, hint="Ctrl+Enter paints it.", negative=fields["negative"],
        styles=fields["styles"], loras=fields["loras"], edit=desk.edit, key=desk.DRAFT,
    )  # fmt: skip
    styles.choose(studio, key=desk.key, prompt=fields["prompt"], negative=fields["negative"])
    st.segmented_control(
        "Size",
        forms.sizes_offered(manifest, fields["size"]),
        key=desk.key("size"),
        required=True,
        format_func=lambda name: words.size_icon(*forms.size_of(name)),
        width="stretch",
    )
    with st.container(horizontal=True, key="pack_and_count", vertical_alignment="bottom"):
        st.selectbox("Pack", list(packs), key=desk.key("pack"), format_func=packs.__getitem__)
        st.number_input("Pictures", *COUNT_RANGE, key=desk.key("count"), width=118)
    knobs.modes(studio, manifest, fields, key=desk.key)
    if desk.problem():
        show.problem(desk.problem())


# --- the easel ----------------------------------------------------------------------------------------------------------


def easel(manifest: Manifest) -> None:
    if grid_stage.draw(studio, pressed):
        return
    job = chosen_job()
    recent = [Hit(artwork) for artwork in studio.gallery.page(Query(limit=RECENT))]
    if job is None:
        idle(manifest, recent)
        return
    if job.live:
        watch.follow(studio, job, lambda now: watch.painting(studio, now))
    else:
        results(job)
    if recent:
        components.grid(strip_of(recent), key="recent", chosen=lambda: opened("recent"), strip=True)


def chosen_job() -> Job | None:
    """The job in the address, else the one this tab looked at, else one that is being painted for a tab now closed."""
    id = session.number("job") or desk.job_shown()
    if id is None and not desk.job_chosen():
        live = studio.queue.list(LIVE, ("paint",), limit=1)
        return live[0] if live else None
    try:
        job = studio.job(id) if id is not None else None
    except EaselError:
        return None
    return job if job is not None and job.kind == "paint" else None


def strip_of(hits: list[Hit]) -> list[dict[str, object]]:
    return show.tiles(hits)


def idle(manifest: Manifest, recent: list[Hit]) -> None:
    if not recent:
        show.empty("What would you like to see?", "Describe it in the box, or begin with one of these.")
    else:
        show.part("Try")
    with st.container(horizontal=bool(recent), key="examples" if recent else "first_examples"):
        for number, example in enumerate(manifest.examples[: 3 if recent else 6]):
            st.button(example, key=f"example_{number}", on_click=desk.put_prompt, args=(example,))
    if recent:
        show.part("Recent")
        components.grid(show.tiles(recent), key="recent", chosen=lambda: opened("recent"))


def results(job: Job) -> None:
    held = studio.gallery.many(job.result.get("artworks", []))
    artworks = [held[id] for id in job.result.get("artworks", []) if id in held]
    if not artworks:
        without_pictures(job)
        return
    if len(artworks) == 1:
        show.picture(artworks[0], room=HERO)
        show.as_wide("under", artworks[0], room=HERO)
        with st.container(key="under", gap="small"):
            show.caption(artworks[0])
            actions(artworks[0])
    else:
        with st.container(key="batch"):
            columns = st.columns(BATCH_COLUMNS[len(artworks)])
            for place, artwork in enumerate(artworks):
                with columns[place % len(columns)]:
                    show.picture(artwork)
                    show.caption(artwork)
                    actions(artwork)
    kept_back(job)


def actions(artwork: Artwork) -> None:
    with st.container(horizontal=True, key=f"actions_{artwork.id}", gap="small"):
        if artwork.recipe is not None:
            st.button(
                "New seed",
                key=f"again_{artwork.id}",
                icon=":material/casino:",
                help="Paint it again with a new seed",
                on_click=pressed.note,
                args=(pressed.key, again(artwork.recipe)),
            )
            st.button(
                "Use settings",
                key=f"use_{artwork.id}",
                icon=":material/tune:",
                help="Put this recipe into the form",
                on_click=desk.put,
                args=(forms.fields_of(artwork.recipe),),
            )
        session.door(
            "Guide", "guide", key=f"guide_{artwork.id}", icon=":material/draw:", help="Go on from it by pose, depth, edges",
            source=artwork.id,
        )  # fmt: skip
        session.door(
            "Edit", "guide", key=f"edit_{artwork.id}", icon=":material/ink_eraser:", help="Brush over a part, paint it anew",
            source=artwork.id, task="inpaint",
        )  # fmt: skip
        session.door(
            "Open", "gallery", key=f"open_{artwork.id}", icon=":material/open_in_full:", help="Open in the gallery",
            id=artwork.id,
        )  # fmt: skip
        show.download(artwork)


def kept_back(job: Job) -> None:
    refused = words.refused(job)
    if refused:
        count = "1 picture was" if len(refused) == 1 else f"{len(refused)} pictures were"
        show.notice(
            f"{count} refused by the safety gate",
            "; ".join(words.refusal(verdict) for verdict in refused),
            symbol="shield",
        )


def without_pictures(job: Job) -> None:
    headline, sentence = words.ending(job)
    kind = "bad" if job.state in ("failed", "refused") else "plain"
    show.notice(headline, sentence, kind=kind, symbol="shield" if job.state == "refused" else "info")
    for verdict in words.refused(job):
        show.line(words.refusal(verdict))
    if job.state != "refused":
        st.button(
            "Run again, same seed",
            key=f"run_again_{job.id}",
            icon=":material/replay:",
            on_click=pressed.note,
            args=(pressed.key, run_again(job)),
        )


# --- the page -----------------------------------------------------------------------------------------------------------

packs = outfit.painters(studio.shelf.packs())
if not packs:
    show.problem("No pack is installed, so there is nothing to paint with; the Shelf page says what is missing.")
    st.stop()
wanted = st.session_state.get(desk.key("pack")) or (studio.draft(desk.DRAFT) or {}).get("pack") or studio.settings.pack
manifest = packs.get(wanted) or next(iter(packs.values()))
desk.lay_out(studio, manifest)
pressed = press.presses(desk.DRAFT)
desk.serve(studio)

left, right = st.columns([1, 2.4], gap="large")
with left, st.container(key="controls"):
    controls(manifest, {id: one.name for id, one in packs.items()})
with right, st.container(key="stage"):
    easel(manifest)
desk.keep(studio)

chosen = st.session_state.pop("create_open", None)
if chosen is not None:
    session.go("gallery", id=chosen)
