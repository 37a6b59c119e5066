"""The fields that every page that paints shares: the finer settings, and how the prompt will be read. They decide nothing."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from studio.app import Studio
from studio.domain.errors import PackMissing
from studio.domain.recipe import GUIDANCE_RANGE, SAMPLERS, STEPS_RANGE
from studio.ui import show


def reading(studio: Studio, prompt: str, pack: str, *, hint: str) -> None:
    """What the pack will make of the prompt; `hint` while there is none."""
    if not prompt.strip():
        show.line(hint, style="reading")
        return
    try:
        show.reading(studio.read_prompt(pack, prompt))
    except PackMissing as error:
        show.problem(str(error))


def finer(*, key: Callable[[str], str], roll: Callable[[], None]) -> None:
    """Without, steps, guidance, sampler and seed. `key` gives a field's widget key, `roll` rolls another seed."""
    st.text_area("Without", key=key("negative"), height=68, placeholder="What should not be there")
    st.slider("Steps", *STEPS_RANGE, key=key("steps"), help="More steps take longer and settle the details.")
    st.slider(
        "Guidance",
        *GUIDANCE_RANGE,
        step=0.5,
        key=key("guidance"),
        help="How closely the picture keeps to the words. Too much makes it harsh.",
    )
    st.selectbox("Sampler", list(SAMPLERS), key=key("sampler"), format_func=SAMPLERS.__getitem__)
    with st.container(horizontal=True, vertical_alignment="bottom", key=key("seed_row")):
        st.text_input("Seed", key=key("seed"), help="The same recipe with the same seed is the same picture.")
        st.button("Roll", key=key("dice"), icon=":material/casino:", help="Another seed", on_click=roll)
        st.toggle("Lock", key=key("lock"), help="Locked, this seed is used; otherwise each press rolls one.")
