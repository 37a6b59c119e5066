"""What a painter wears for one picture: LoRAs, a VAE, an IP-Adapter, embeddings; put on, and taken off without a trace."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from studio.domain.errors import BadInput
from studio.domain.recipe import Recipe
from studio.packs.variants import variant_of
from studio.workshop.ports import Parts
from studio.workshop.stamps import Stamp, stamp
from studio.workshop.turns import turn


@dataclass(frozen=True)
class Outfit:
    """What a recipe wants put on. loras: (file, weight), none of weight 0. embeddings: (the words it answers to, file).

    stamp: of all these files, so that one installed anew under its old name is read anew.
    """

    loras: tuple[tuple[Path, float], ...] = ()
    vae: Path | None = None
    adapter: Path | None = None
    reader: Path | None = None
    reference_weight: float = 0.0
    embeddings: tuple[tuple[str, Path], ...] = ()
    stamp: Stamp = ()

    @property
    def dressed(self) -> tuple[object, ...]:
        """What of it changes the UNet: LoRAs and the IP-Adapter. Empty when nothing does."""
        return (*self.loras, self.adapter) if self.adapter else self.loras


def outfit(recipe: Recipe, find: Parts | None) -> Outfit:
    """What the recipe names, found; raises BadInput or PackMissing for what is not there or does not fit."""
    wanted = bool(recipe.loras or recipe.vae or recipe.embeddings or recipe.adapter)
    if not wanted:
        return Outfit()
    if find is None:
        raise BadInput("loras", "This painter takes no LoRA, embedding, VAE or reference; take them out.")
    reads = recipe.adapter and recipe.reference_weight > 0
    words = tuple((word, find.file("embedding", id)) for id in recipe.embeddings for word in find.words(id))
    loras = tuple((find.file("lora", lora.name), lora.weight) for lora in recipe.loras if lora.weight)
    vae = find.file("vae", recipe.vae) if recipe.vae else None
    adapter = find.file("adapter", recipe.adapter) if reads else None
    reader = find.file("image-encoder", recipe.adapter) if reads else None
    places = [*(path for path, _ in loras), vae, adapter, reader, *(path for _, path in words)]
    weight = recipe.reference_weight if reads else 0.0
    return Outfit(loras, vae, adapter, reader, weight, words, stamp(places))


class Wardrobe:
    """Dresses one pipeline. What is worn stays on until another outfit is asked for, so that a series loads nothing twice."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._own_vae = pipe.vae
        self._loras: tuple[tuple[Path, float], ...] = ()
        self._vae: Path | None = None
        self._adapter: tuple[Path | None, Path | None] = (None, None)
        self._read: dict[tuple[Path, Stamp], tuple[torch.Tensor | None, ...]] = {}
        self._known: dict[str, tuple[object, ...]] = {}  # each file as it was when it was put on

    def wear(self, wanted: Outfit, waiting: Callable[[], None] | None = None) -> None:
        """Put on what is wanted and nothing else; raises BadInput when a part was made for another base model.

        `waiting` is called now and then while another thread loads a model; it may raise Cancelled.
        """
        now: dict[str, tuple[object, ...]] = {one[0]: one for one in wanted.stamp}
        old = any(self._known.get(path, one) != one for path, one in now.items())
        worn = ([path for path, _ in self._loras], self._vae, self._adapter)
        asked = ([path for path, _ in wanted.loras], wanted.vae, (wanted.adapter, wanted.reader))
        loads = old or (asked != worn and wanted != Outfit())
        with turn(waiting) if loads else nullcontext(), torch.inference_mode(False), torch.no_grad():
            if old:
                self._wear_loras(())
                self._wear_vae(None)
                self._wear_adapter(Outfit())
                self._known.clear()
            self._known |= now
            self._wear_loras(wanted.loras)
            self._wear_vae(wanted.vae)
            self._wear_adapter(wanted)

    def embeddings(self, wanted: Outfit) -> dict[str, tuple[torch.Tensor | None, ...]]:
        """Words -> vectors for each text encoder; raises BadInput for a file of another base model."""
        made = {}
        for words, path in wanted.embeddings:
            key = (path, stamp([path]))
            if key not in self._read:
                self._read[key] = _vectors(self._pipe, path)
            made[words] = self._read[key]
        return made

    def _wear_loras(self, wanted: tuple[tuple[Path, float], ...]) -> None:
        if wanted == self._loras:
            return
        pipe, names = self._pipe, [f"lora{index}" for index in range(len(wanted))]
        if [path for path, _ in wanted] != [path for path, _ in self._loras]:
            if self._loras:
                self._loras = ()
                pipe.unload_lora_weights()
            for name, (path, _) in zip(names, wanted, strict=True):
                problem = self._load_lora(path, name)
                if problem:
                    pipe.unload_lora_weights()
                    raise BadInput(
                        "loras",
                        f"The LoRA {_name(path)} does not fit this pack: it was made for another base model ({problem})."
                        " Take it out, or choose the pack it belongs to.",
                    )
        if wanted:
            pipe.set_adapters(names, adapter_weights=[weight for _, weight in wanted])
        self._loras = wanted

    def _load_lora(self, path: Path, name: str) -> str:
        """Load one; what is wrong with it, or nothing."""
        pipe = self._pipe
        try:
            with warnings.catch_warnings():
                # "will lead to having multiple adapters in the model": that is what is wanted
                warnings.filterwarnings("ignore", message="Already found a `peft_config`", category=UserWarning)
                pipe.load_lora_weights(
                    str(path.parent), weight_name=path.name, adapter_name=name, local_files_only=True,
                    use_safetensors=True,
                )  # fmt: skip
        except Exception as error:  # diffusers and peft raise whatever they stumble upon
            lines = str(error).strip().splitlines()
            return lines[0][:200] if lines else type(error).__name__
        taken = any(name in held for held in pipe.get_list_adapters().values())
        return "" if taken else "none of its layers is one of this painter's"

    def _wear_vae(self, wanted: Path | None) -> None:
        if wanted == self._vae:
            return
        self._pipe.vae, self._vae = self._own_vae, None
        if wanted is None:
            return
        made = load_vae(wanted, like=self._own_vae)
        if _geometry(made) != _geometry(self._own_vae):
            raise BadInput(
                "vae",
                f"The VAE {_name(wanted)} does not fit this pack: its latents have another shape. Choose one of the pack's"
                " family.",
            )
        # Where it computes: of a pipeline that is there part by part, only its own parts come by themselves
        self._pipe.vae, self._vae = made.to(self._pipe._execution_device), wanted

    def _wear_adapter(self, wanted: Outfit) -> None:
        pipe, asked = self._pipe, (wanted.adapter, wanted.reader)
        if asked != self._adapter:
            if self._adapter[0] is not None:
                self._take_adapter_off()
            if wanted.adapter is not None and wanted.reader is not None:
                try:
                    self._put_adapter_on(wanted.adapter, wanted.reader)
                except Exception as error:
                    self._take_adapter_off()
                    raise BadInput(
                        "adapter",
                        f"The IP-Adapter {_name(wanted.adapter)} does not fit this pack: it was made for another base model."
                        " Choose one of the pack's family.",
                    ) from error
                self._adapter = asked
        if wanted.adapter is not None:
            pipe.set_ip_adapter_scale(wanted.reference_weight)

    def _put_adapter_on(self, adapter: Path, reader: Path) -> None:
        from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

        pipe = self._pipe
        eye = CLIPVisionModelWithProjection.from_pretrained(
            str(reader), dtype=pipe.unet.dtype, variant=variant_of(reader), local_files_only=True, use_safetensors=True
        )
        side: Any = eye.config.image_size
        # crop_size as well: whatever the picture's shape, the middle square is read, as the adapters were trained
        pipe.register_modules(
            image_encoder=eye.to(pipe._execution_device).eval(),
            feature_extractor=CLIPImageProcessor(
                size={"shortest_edge": side}, crop_size={"height": side, "width": side}
            ),
        )
        pipe.load_ip_adapter(
            str(adapter.parent),
            subfolder="",
            weight_name=adapter.name,
            image_encoder_folder=None,
            local_files_only=True,
        )
        for name, layer in pipe.unet.attn_processors.items():
            own = pipe.unet.get_submodule(name.removesuffix(".processor"))
            for given in getattr(layer, "to_k_ip", ()):
                if given.weight.shape != own.to_k.weight.shape:
                    raise ValueError(f"{name} has another shape")

    def _take_adapter_off(self) -> None:
        pipe, self._adapter = self._pipe, (None, None)
        pipe.unload_ip_adapter()
        pipe.register_modules(image_encoder=None, feature_extractor=None)


def load_vae(place: Path, *, like: Any) -> Any:
    """A VAE of any of the usual kinds from a local folder, safetensors only, at the precision and place of another."""
    import diffusers

    if place.is_file():
        return _single_vae(place, like=like)
    kind = json.loads((place / "config.json").read_text(encoding="utf-8")).get("_class_name", "AutoencoderKL")
    if kind not in ("AutoencoderKL", "AutoencoderTiny", "ConsistencyDecoderVAE", "AsymmetricAutoencoderKL"):
        raise BadInput("vae", f"{_name(place)} is not a VAE that this studio knows ({kind}).")
    made = getattr(diffusers, kind).from_pretrained(
        str(place), dtype=like.dtype, variant=variant_of(place), local_files_only=True, use_safetensors=True
    )
    return made.to(like.device).eval()


def _single_vae(file: Path, *, like: Any) -> Any:
    """A VAE in one file, as other studios keep them; it has the shape of the painter's own or does not fit."""
    from diffusers import AutoencoderKL

    with TemporaryDirectory() as config:
        like.save_config(config)
        try:
            made = AutoencoderKL.from_single_file(str(file), config=config, local_files_only=True, dtype=like.dtype)
        except Exception as error:  # diffusers raises whatever it stumbles upon
            raise BadInput(
                "vae", f"The VAE {_name(file)} does not fit this pack, or is none; choose one of the pack's family."
            ) from error
    return made.to(like.device).eval()


def _geometry(vae: Any) -> tuple[int, int]:
    blocks = vae.config.get("block_out_channels") or vae.config.get("encoder_block_out_channels")
    return vae.config.latent_channels, len(blocks)


def _vectors(pipe: Any, path: Path) -> tuple[torch.Tensor | None, ...]:
    """The vectors of a textual inversion's file for each of the pipeline's text encoders."""
    from safetensors.torch import load_file

    read = load_file(str(path))
    two = getattr(pipe, "text_encoder_2", None) is not None
    given: tuple[torch.Tensor | None, ...]
    if two:
        given = (read.get("clip_l"), read.get("clip_g"))
    else:
        others = [tensor for name, tensor in read.items() if name not in ("clip_l", "clip_g")]
        given = (read.get("emb_params", others[0] if len(others) == 1 else None),)
    encoders = (pipe.text_encoder, pipe.text_encoder_2) if two else (pipe.text_encoder,)
    made = tuple(None if one is None else one.reshape(-1, one.shape[-1]).float() for one in given)
    fits = any(one is not None for one in made) and all(
        one is None or one.shape[-1] == encoder.config.hidden_size for one, encoder in zip(made, encoders, strict=True)
    )
    if not fits:
        raise BadInput(
            "embeddings",
            f"The embedding {_name(path)} does not fit this pack: it was made for another base model. Take it out.",
        )
    return made


def _name(path: Path) -> str:
    return path.stem if path.is_file() else path.name
