"""The fields that every page that paints shares: the finer settings, and how the prompt will be read. They decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.errors import EaselError
from studio.domain.recipe import CLIP_SKIP_RANGE, GUIDANCE_RANGE, SAMPLERS, STEPS_RANGE
from studio.packs.manifest import Manifest
from studio.ui import forms, outfit
from studio.ui.forms import Fields


def modes(studio: Studio, manifest: Manifest, fields: Fields, *, key: Callable[[str], str]) -> None:
    """One switch from quick to careful, with this machine's own seconds beside each position."""
    if not manifest.modes:
        return
    name = key("mode")
    st.session_state[name] = outfit.mode_of(fields, manifest)
    labels = {mode: outfit.mode_label(mode, _seconds(studio, manifest, fields, mode)) for mode in manifest.modes}

    def choose() -> None:
        chosen = st.session_state[name]
        if chosen is not None:
            for field, value in outfit.in_mode(fields, manifest, chosen).items():
                st.session_state[key(field)] = value

    st.segmented_control(
        "How carefully", list(labels), key=name, format_func=labels.__getitem__, on_change=choose, width="stretch"
    )


def _seconds(studio: Studio, manifest: Manifest, fields: Fields, mode: str) -> float | None:
    changed: Any = {**fields, "prompt": "a picture", **outfit.in_mode(fields, manifest, mode)}
    try:
        return studio.foretold(forms.recipe_of(changed, seed=0))
    except EaselError:
        return None


def parts(studio: Studio, manifest: Manifest, fields: Fields, *, key: Callable[[str], str]) -> None:
    """LoRAs with their weights, embeddings, the VAE and clip skip; each only where there is something to choose."""
    packs = studio.shelf.packs()
    loras = outfit.offered(outfit.fitting(packs, manifest, "lora"), fields["loras"])
    if loras:
        st.multiselect("LoRAs", list(loras), key=key("loras"), format_func=loras.__getitem__, placeholder="None")
        words = {pack.id: pack.manifest.trigger_words for pack in packs}
        for id in fields["loras"]:
            _weight(id, loras[id], words.get(id, ()), fields, key)
    embeddings = outfit.offered(outfit.fitting(packs, manifest, "embedding"), fields["embeddings"])
    if embeddings:
        st.multiselect(
            "Embeddings",
            list(embeddings),
            key=key("embeddings"),
            format_func=embeddings.__getitem__,
            placeholder="None",
        )
    vaes = {"": "The pack's own"} | outfit.offered(outfit.fitting(packs, manifest, "vae"), [fields["vae"]])
    if len(vaes) > 1:
        st.selectbox("VAE", list(vaes), key=key("vae"), format_func=vaes.__getitem__)
    if manifest.family != "storybook":
        st.number_input(
            "Clip skip",
            *CLIP_SKIP_RANGE,
            key=key("clip_skip"),
            help="2 reads the words one layer earlier, as some models ask.",
        )


def _weight(id: str, label: str, words: Sequence[str], fields: Fields, key: Callable[[str], str]) -> None:
    name = key(f"weight_{id}")
    st.session_state[name] = float(fields["weights"].get(id, 1.0))

    def keep() -> None:
        st.session_state[key("weights")] = {**st.session_state[key("weights")], id: float(st.session_state[name])}

    help = f"It listens to: {', '.join(words)}." if words else None
    st.slider(f"Weight of {label}", -2.0, 2.0, step=0.05, key=name, on_change=keep, help=help)


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
