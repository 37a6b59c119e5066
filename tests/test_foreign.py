"""What other tools wrote: files in each tool's own format, made here, come back as what they say; nothing raises."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime

import hostile
import numpy as np
import pytest
from PIL import Image

from studio.domain.artwork import Facts
from studio.domain.control import ControlMap
from studio.domain.recipe import Lora, Recipe
from studio.gallery.coming.incoming import of_foreign
from studio.gallery.files import Files
from studio.gallery.foreign.reading import read
from studio.gallery.foreign.told import Foreign, Worn
from studio.gallery.metadata import write_map, write_text
from studio.safety.intake import open_picture, place_of

SCENE = hostile.scene()


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


def png(**texts):
    return open_picture(hostile.with_text(SCENE, **texts))


def said(format="JPEG", **fields):
    """A picture with EXIF; `UserComment` as these tools write it, other fields by name."""
    tags = {
        "Make": 0x010F,
        "Model": 0x0110,
        "ImageDescription": 0x010E,
        "Software": 0x0131,
        "Rating": 0x4746,
        "XPKeywords": 0x9C9E,
    }
    shot = {"DateTimeOriginal": 0x9003, "OffsetTimeOriginal": 0x9011, "LensModel": 0xA434}
    exif = Image.Exif()
    for name, value in fields.items():
        if name == "UserComment":
            exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + value.encode("utf-16-be")
        elif name in shot:
            exif.get_ifd(0x8769)[shot[name]] = value
        else:
            exif[tags[name]] = value
    return open_picture(hostile.encode(SCENE, format, exif=exif.tobytes()))


def told(found: Foreign) -> tuple:
    return (
        found.tool,
        found.prompt,
        found.negative,
        found.seed,
        found.model,
        found.sampler,
        found.steps,
        found.guidance,
        found.size,
    )


ALL = ("a red boat", "people", 42, "dream-v8", "dpm++ 2m karras", 28, 6.5, (512, 768))
RECIPE = Recipe(
    "a red boat",
    negative="people",
    pack="dream-v8",
    width=512,
    height=768,
    steps=28,
    guidance=6.5,
    sampler="dpm++ 2m karras",
    seed=42,
    loras=(Lora("ink", 0.8),),
)

# --- A1111 and who write like it -----------------------------------------------------------------------------------------

SETTINGS = (
    "Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 512x768, Model: dream-v8"
)
A1111 = f"a red boat\nNegative prompt: people\n{SETTINGS}, Version: v1.9.4"
FORGE = f"a red boat\nNegative prompt: people\n{SETTINGS}, Module 1: ae, Version: f2.0.1v1.10.1-previous-659"
SDNEXT = (
    "a red boat\nNegative prompt: people\nSteps: 28, Size: 512x768, Sampler: DPM++ 2M Karras, Seed: 42, CFG scale: 6.5, "
    "Model: dream-v8, App: SD.Next, Version: 6ab2ba8, Pipeline: StableDiffusionPipeline, Parser: native"
)


@pytest.mark.parametrize("text", [A1111, FORGE, SDNEXT], ids=["A1111", "Forge", "SD.Next"])
def test_a1111_forge_and_sd_next(text):
    wanted = Recipe.from_dict({**RECIPE.to_dict(), "loras": []})
    gif = open_picture(hostile.encode(SCENE, "GIF", comment=text))
    for intake in (png(parameters=text), said(UserComment=text), said("WEBP", UserComment=text), gif):
        found = read(intake)
        assert told(found) == ("a1111", *ALL) and found.recipe == wanted
        assert text in found.rest.values()


def test_a1111_tags_of_loras_are_told_and_become_the_recipes_where_the_shelf_knows_them():
    text = A1111.replace("boat", "boat <lora:Ink:0.8> <lora:unknown:0.5>")
    found = read(png(parameters=text), lora={"Ink": "ink"}.get)
    assert found.loras == (Worn("Ink", 0.8), Worn("unknown", 0.5))
    assert found.recipe.loras == (Lora("ink", 0.8),) and found.prompt == "a red boat <lora:unknown:0.5>"


def test_a1111_second_pass_and_clip_skip_are_part_of_the_recipe():
    more = ", Clip skip: 2, Denoising strength: 0.4, Hires upscale: 1.5, Hires upscaler: Latent"
    recipe = read(png(parameters=A1111 + more)).recipe
    assert (recipe.clip_skip, recipe.hires, recipe.hires_strength) == (2, 1.5, 0.4)


@pytest.mark.parametrize(
    "more", ["Denoising strength: 0.6", 'ControlNet 0: "Module: canny"', "Mask blur: 4", "Refiner: x"]
)
def test_what_took_more_than_the_text_says_has_no_recipe_but_all_its_values(more):
    found = read(png(parameters=f"{A1111}, {more}"))
    assert found.recipe is None and told(found) == ("a1111", *ALL)


# --- ComfyUI -------------------------------------------------------------------------------------------------------------


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def graph():
    """As the default workflow has it, with a LoRA; the negative words come first, so that the first text found is wrong."""
    return {
        "2": node("CLIPTextEncode", text="people", clip=["10", 1]),
        "3": node(
            "KSampler",
            seed=42,
            steps=28,
            cfg=6.5,
            sampler_name="dpmpp_2m",
            scheduler="karras",
            denoise=1.0,
            model=["10", 0],
            positive=["6", 0],
            negative=["2", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="sd15\\dream-v8.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text="a red boat", clip=["10", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
        "10": node(
            "LoraLoader",
            lora_name="ink.safetensors",
            strength_model=0.8,
            strength_clip=1.0,
            model=["4", 0],
            clip=["4", 1],
        ),
    }


def comfy(body, **more):
    return read(png(prompt=json.dumps(body), **more))


def test_comfy_is_walked_from_its_sampler():
    found = comfy(graph(), workflow='{"nodes": []}')
    assert told(found) == ("comfy", *ALL) and found.loras == (Worn("ink", 0.8),) and found.recipe == RECIPE
    assert set(found.rest) == {"prompt", "workflow"} and json.loads(found.rest["prompt"]) == graph()


def test_comfy_in_a_webp_and_a_jpeg():
    body = json.dumps(graph())
    for intake in (
        said("WEBP", Model=f"prompt:{body}", Make='workflow:{"nodes": []}'),
        said(ImageDescription=f"Prompt: {body}"),
    ):
        found = read(intake)
        assert told(found) == ("comfy", *ALL) and (found.camera, found.description) == ("", "")


def test_comfy_of_two_passes_tells_the_first():
    body = graph()
    body["20"] = node("LatentUpscale", samples=["3", 0], width=1024, height=1536)
    second = {**body["3"]["inputs"], "seed": 7, "denoise": 0.5, "latent_image": ["20", 0]}
    body = {"11": node("KSampler", **second), **body}
    body["8"]["inputs"]["samples"] = ["11", 0]
    found = comfy(body)
    assert told(found) == ("comfy", *ALL) and found.recipe is None


def test_comfy_with_parts_of_its_own():
    """The newer way: noise, guider, sampler and steps are nodes; numbers and words come from nodes that hold one."""
    body = graph()
    del body["3"]
    body |= {
        "30": node(
            "SamplerCustomAdvanced",
            noise=["31", 0],
            guider=["32", 0],
            sampler=["33", 0],
            sigmas=["34", 0],
            latent_image=["5", 0],
        ),
        "31": node("RandomNoise", noise_seed=["35", 0]),
        "32": node("CFGGuider", cfg=6.5, model=["10", 0], positive=["36", 0], negative=["36", 1]),
        "33": node("KSamplerSelect", sampler_name="dpmpp_2m"),
        "34": node("BasicScheduler", scheduler="karras", steps=28, denoise=1.0, model=["10", 0]),
        "35": node("PrimitiveInt", value=42),
        "36": node(
            "ControlNetApplyAdvanced", positive=["6", 0], negative=["2", 0], control_net=["37", 0], image=["38", 0]
        ),
        "37": node("ControlNetLoader", control_net_name="pose.safetensors"),
        "38": node("LoadImage", image="pose.png"),
        "39": node("StringConcatenate", string_a="a red", string_b=["40", 0], delimiter=" "),
        "40": node("PrimitiveString", value="boat"),
    }
    body["6"]["inputs"]["text"] = ["39", 0]
    body["8"]["inputs"]["samples"] = ["30", 0]
    found = comfy(body)
    assert told(found) == ("comfy", *ALL) and found.recipe is None, (
        "a control decides, and no recipe of ours says which"
    )


def test_comfy_flux_has_no_negative_and_its_guidance_stands_elsewhere():
    body = graph()
    body["32"] = node("BasicGuider", model=["10", 0], conditioning=["33", 0])
    body["33"] = node("FluxGuidance", guidance=3.5, conditioning=["6", 0])
    body["3"]["inputs"] = {**body["3"]["inputs"], "guider": ["32", 0]}
    del body["3"]["inputs"]["cfg"], body["3"]["inputs"]["negative"]
    found = comfy(body)
    assert (found.prompt, found.negative, found.guidance) == ("a red boat", "", 3.5)


def test_comfy_emptied_words_and_a_loader_that_holds_both():
    body = graph()
    body["2"] = node("ConditioningZeroOut", conditioning=["6", 0])
    assert (comfy(body).prompt, comfy(body).negative) == ("a red boat", "")
    body = graph()
    body["50"] = node(
        "Efficient Loader",
        ckpt_name="dream-v8.ckpt",
        lora_name="None",
        positive="a red boat",
        negative="people",
        empty_latent_width=512,
        empty_latent_height=768,
    )
    body["3"] = node(
        "KSampler (Efficient)",
        **{
            **body["3"]["inputs"],
            "model": ["50", 0],
            "positive": ["50", 1],
            "negative": ["50", 2],
            "latent_image": ["50", 3],
        },
    )
    assert told(comfy(body)) == ("comfy", *ALL)


def test_comfy_many_loras_in_one_loader():
    body = graph()
    body["10"] = node(
        "Power Lora Loader (rgthree)",
        model=["4", 0],
        clip=["4", 1],
        lora_1={"on": True, "lora": "a/ink.safetensors", "strength": 0.8},
        lora_2={"on": False, "lora": "oil.safetensors", "strength": 1},
    )
    assert comfy(body).loras == (Worn("ink", 0.8),)


def test_comfy_its_drawing_alone_is_enough():
    def drawn(id, kind, values, **links):
        return {
            "id": id,
            "type": kind,
            "mode": 0,
            "widgets_values": values,
            "inputs": [{"name": name, "link": link} for name, link in links.items()],
        }

    drawing = {
        "nodes": [
            drawn(2, "CLIPTextEncode", ["people"]),
            drawn(6, "CLIPTextEncode", ["a red boat"]),
            drawn(
                3,
                "KSampler",
                [42, "randomize", 28, 6.5, "dpmpp_2m", "karras", 1],
                model=1,
                positive=2,
                negative=3,
                latent_image=4,
            ),
            drawn(4, "CheckpointLoaderSimple", ["dream-v8.safetensors"]),
            drawn(5, "EmptyLatentImage", [512, 768, 1]),
            drawn(8, "VAEDecode", [], samples=5),
            drawn(9, "SaveImage", ["x"], images=6),
        ],
        "links": [
            [1, 4, 0, 3, 0, "MODEL"],
            [2, 6, 0, 3, 1, "C"],
            [3, 2, 0, 3, 2, "C"],
            [4, 5, 0, 3, 3, "L"],
            [5, 3, 0, 8, 0, "L"],
            [6, 8, 0, 9, 0, "I"],
        ],
    }
    found = read(png(workflow=json.dumps(drawing)))
    assert told(found) == ("comfy", *ALL)


def test_comfy_beside_a1111s_text_fills_what_the_graph_leaves_open():
    body = graph()
    body["4"]["inputs"]["ckpt_name"] = ["99", 0]
    found = comfy(body, parameters=A1111)
    assert told(found) == ("comfy", *ALL)


def circle():
    body = graph()
    body["6"] = node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["2", 0])
    body["4"] = node("ModelMerge", model1=["10", 0], model2=["4", 0])
    body["5"] = node("LatentUpscale", samples=["3", 0], width=["5", 0], height=["5", 1])
    body["3"]["inputs"]["seed"] = ["60", 0]
    body["60"], body["61"] = node("Seed", seed=["61", 0]), node("Seed", value=["60", 0])
    return body


def doubling():
    """Each node uses the one before it twice: walked plainly, 2 to the 60 visits."""
    body = graph()
    for index in range(60):
        body[f"x{index}"] = node(
            "ConditioningCombine", conditioning_1=[f"x{index + 1}", 0], conditioning_2=[f"x{index + 1}", 0]
        )
    body["x60"] = node("CLIPTextEncode", text="deep")
    body["6"] = node("ConditioningCombine", conditioning_1=["x0", 0], conditioning_2=["x0", 0])
    return body


def chain(length=5_000):
    body = graph()
    body |= {
        f"s{i}": {**body["3"], "inputs": {**body["3"]["inputs"], "latent_image": [f"s{i + 1}", 0]}}
        for i in range(length)
    }
    body["8"]["inputs"]["samples"] = ["s0", 0]
    return body


@pytest.mark.parametrize("body", [circle(), doubling(), chain()], ids=["circle", "doubling", "chain"])
def test_comfy_graphs_made_to_trap_are_read_in_no_time(body):
    assert comfy(body).tool == "comfy"
    assert comfy(body).model in ("", "dream-v8")


@pytest.mark.parametrize(
    "wrong", [None, True, -1, 1e999, "x" * 5_000, [], ["3"], ["3", 0, 0], [["3"], 0], {"a": []}, ["3", 0], 10**400]
)
def test_comfy_with_a_wrong_value_anywhere_is_still_read(wrong):
    for id, one in graph().items():
        for name in one["inputs"]:
            body = graph()
            body[id]["inputs"][name] = wrong
            text = json.dumps(body)
            assert read_text({"prompt": text}).tool == "comfy", (id, name)
        assert isinstance(read_text({"prompt": json.dumps({**graph(), id: wrong})}), Foreign)


def read_text(text):
    intake = open_picture(hostile.encode(Image.new("RGB", (16, 16))))
    object.__setattr__(intake, "text", text)
    return read(intake)


# --- the others ----------------------------------------------------------------------------------------------------------


def invoke(**more):
    return {
        "app_version": "5.9.0",
        "generation_mode": "sdxl_txt2img",
        "positive_prompt": "a red boat",
        "negative_prompt": "people",
        "width": 512,
        "height": 768,
        "seed": 42,
        "cfg_scale": 6.5,
        "steps": 28,
        "scheduler": "dpmpp_2m_k",
        "model": {"key": "k", "hash": "blake3:x", "name": "dream-v8", "base": "sd-1", "type": "main"},
        "loras": [{"model": {"name": "ink", "type": "lora"}, "weight": 0.8}],
        **more,
    }


def test_invoke():
    found = read(png(invokeai_metadata=json.dumps(invoke()), invokeai_graph="{}"))
    assert told(found) == ("invoke", *ALL) and found.loras == (Worn("ink", 0.8),) and found.recipe == RECIPE
    assert set(found.rest) == {"invokeai_metadata", "invokeai_graph"}
    older = invoke(
        model={"model_name": "dream-v8", "base_model": "sd-1"}, loras=[{"lora": {"model_name": "ink"}, "weight": 0.8}]
    )
    assert read(png(invokeai_metadata=json.dumps(older))).recipe == RECIPE
    assert read(png(invokeai_metadata=json.dumps(invoke(generation_mode="img2img")))).recipe is None


def test_invoke_of_old():
    body = {
        "model": "stable diffusion",
        "model_weights": "dream-v8",
        "app_version": "2.3.5",
        "image": {
            "prompt": [{"prompt": "a red boat [people]", "weight": 1.0}],
            "steps": 28,
            "cfg_scale": 6.5,
            "width": 512,
            "height": 768,
            "seed": 42,
            "type": "txt2img",
            "sampler": "k_dpmpp_2m",
        },
    }
    dream = '"a red boat [people]" -s 28 -S 42 -W 512 -H 768 -C 6.5 -A k_dpmpp_2m'
    wanted = ("a red boat", "people", 42, "dream-v8", "dpm++ 2m", 28, 6.5, (512, 768))
    assert told(read(png(**{"sd-metadata": json.dumps(body), "Dream": dream}))) == ("invoke", *wanted)
    found = read(png(Dream=dream))
    assert told(found) == ("invoke", *wanted[:3], "", *wanted[4:]) and found.recipe is None
    assert read(png(Dream='"a quote that never ends -s 3')).tool == "invoke"


def swarm(**more):
    return {
        "sui_image_params": {
            "prompt": "a red boat",
            "negativeprompt": "people",
            "model": "SD15/dream-v8",
            "seed": 42,
            "steps": 28,
            "cfgscale": 6.5,
            "aspectratio": "Custom",
            "width": 512,
            "height": 768,
            "sampler": "dpmpp_2m",
            "scheduler": "karras",
            "loras": ["ink"],
            "loraweights": ["0.8"],
            "swarm_version": "0.9.6.2",
            **more,
        },
        "sui_extra_data": {"date": "2024-05-01", "generation_time": "3.2 (gen) seconds"},
    }


def test_swarm():
    for body in (swarm(), swarm(loras="ink", loraweights="0.8", seed="42")):
        text = json.dumps(body)
        for intake in (png(parameters=text), said(UserComment=text)):
            found = read(intake)
            assert told(found) == ("swarm", *ALL) and found.loras == (Worn("ink", 0.8),) and found.recipe == RECIPE
            assert found.taken_at == datetime(2024, 5, 1, tzinfo=UTC).timestamp()
    assert read(png(parameters=json.dumps(swarm(prompt="a <segment:face> boat")))).recipe is None


def fooocus(**more):
    return {
        "prompt": "a red boat",
        "negative_prompt": "people",
        "prompt_expansion": "",
        "styles": "[]",
        "performance": "Speed",
        "steps": 28,
        "resolution": "(512, 768)",
        "guidance_scale": 6.5,
        "sharpness": 2.0,
        "adm_guidance": "(1.5, 0.8, 0.3)",
        "base_model": "dream-v8.safetensors",
        "refiner_model": "None",
        "refiner_switch": 0.5,
        "sampler": "dpmpp_2m",
        "scheduler": "karras",
        "seed": "42",
        "loras": [["ink", 0.8, "hash"]],
        "lora_combined_1": "ink : 0.8",
        "version": "Fooocus v2.5.5",
        **more,
    }


def test_fooocus_in_its_own_scheme():
    text = json.dumps(fooocus())
    for intake in (png(parameters=text, fooocus_scheme="fooocus"), said(UserComment=text, Software="Fooocus v2.5.5")):
        found = read(intake)
        assert told(found) == ("fooocus", *ALL) and found.loras == (Worn("ink", 0.8),) and found.recipe == RECIPE
    assert read(png(parameters=json.dumps(fooocus(styles="['Fooocus V2']")))).recipe is None, (
        "a style adds words unseen"
    )


def test_fooocus_in_a1111s_scheme():
    text = f'a red boat\nNegative prompt: people\n{SETTINGS}, Sharpness: 2, Styles: "[]", Version: Fooocus v2.5.5'
    for intake in (png(parameters=text, fooocus_scheme="a1111"), png(parameters=text)):
        found = read(intake)
        assert told(found) == ("fooocus", *ALL) and found.recipe is not None


def novelai(**more):
    return {
        "prompt": "a red boat",
        "uc": "people",
        "steps": 28,
        "height": 768,
        "width": 512,
        "scale": 6.5,
        "seed": 42,
        "n_samples": 1,
        "sampler": "k_dpmpp_2m",
        "noise_schedule": "karras",
        "request_type": "PromptGenerateRequest",
        "signed_hash": "x",
        **more,
    }


AROUND = {
    "Title": "NovelAI generated image",
    "Description": "a red boat",
    "Software": "NovelAI",
    "Source": "dream-v8 7ABFFA2A",
}


def test_novelai():
    assert told(read(png(Comment=json.dumps(novelai()), **AROUND))) == ("novelai", *ALL)
    around = json.dumps({**AROUND, "Comment": json.dumps(novelai())})
    assert told(read(said("WEBP", UserComment=around))) == ("novelai", *ALL)
    figures = {"caption": {"base_caption": "two boats", "char_captions": [{"char_caption": "red", "centers": []}]}}
    found = read(png(Comment=json.dumps(novelai(v4_prompt=figures, prompt="{{two}} boats")), **AROUND))
    assert found.prompt == "two boats\nred"
    assert read(png(Comment=json.dumps(novelai(prompt="{{a}} boat")), **AROUND)).recipe is None, (
        "braces are a choice here"
    )


def hidden(text: str, *, length: int | None = None, compressed: bool = True) -> bytes:
    """A picture with a text in the lowest bits of its alpha channel, column by column."""
    body = gzip.compress(text.encode()) if compressed else text.encode()
    bits = len(body) * 8 if length is None else length
    whole = (b"stealth_pngcomp" if compressed else b"stealth_pnginfo") + bits.to_bytes(4, "big") + body
    values = np.full((96, 128), 255, np.uint8)
    flat = values.T.reshape(-1)
    stream = np.unpackbits(np.frombuffer(whole, np.uint8))[: flat.size]
    flat[: stream.size] = 254 | stream
    picture = hostile.scene(4, size=(128, 96))
    picture.putalpha(Image.fromarray(flat.reshape(128, 96).T.copy()))
    return hostile.encode(picture)


def test_novelai_hidden_in_the_alpha_channel():
    text = json.dumps({**AROUND, "Comment": json.dumps(novelai())})
    found = read(open_picture(hidden(text)))
    assert told(found) == ("novelai", *ALL) and found.rest["stealth_pnginfo"] == text
    assert told(read(open_picture(hidden(A1111, compressed=False)))) == ("a1111", *ALL)


@pytest.mark.parametrize("length", [0, 7, 2**32 - 1, 10**6])
def test_a_hidden_text_that_promises_more_than_there_is_is_none(length):
    assert read(open_picture(hidden("x", length=length))).tool == ""


def test_a_hidden_bomb_unpacks_to_a_little():
    found = read(open_picture(hidden("a" * 5_000_000)))
    assert len(found.rest.get("stealth_pnginfo", "")) <= 2**20 and found.recipe is None


# --- cameras -------------------------------------------------------------------------------------------------------------

PACKET = """<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmp:Rating="4"
 exif:GPSLatitude="52,31N" photoshop:City='Berlin' xmp:CreateDate="2021-06-07T08:09:10+02:00">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Harbour &amp; sea</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Two boats.</rdf:li></rdf:Alt></dc:description>
<dc:subject><rdf:Bag><rdf:li>boat</rdf:li><rdf:li>sea</rdf:li><rdf:li>boat</rdf:li></rdf:Bag></dc:subject>
<exif:GPSLongitude>13,24E</exif:GPSLongitude></rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF", "AVIF", "PNG"])
def test_a_photograph_tells_when_and_with_what(format):
    found = read(
        said(
            format,
            Make="NIKON CORPORATION",
            Model="NIKON Z 6",
            DateTimeOriginal="2023:04:05 06:07:08",
            OffsetTimeOriginal="+02:00",
            LensModel="NIKKOR Z 50mm f/1.8 S",
            ImageDescription="A quay",
        )
    )
    assert (found.tool, found.camera, found.lens) == ("camera", "NIKON CORPORATION NIKON Z 6", "NIKKOR Z 50mm f/1.8 S")
    assert found.taken_at == datetime(2023, 4, 5, 4, 7, 8, tzinfo=UTC).timestamp()
    assert found.description == "A quay" and found.prompt == "" and found.recipe is None
    assert found.rest["exif:DateTimeOriginal"] == "2023:04:05 06:07:08"


def test_the_maker_is_not_said_twice_and_a_wrong_date_is_none():
    assert read(said(Make="Canon", Model="Canon EOS R5")).camera == "Canon EOS R5"
    for date in ("0000:00:00 00:00:00", "2023:13:40 25:61:61", "9999:01:01 00:00:00", "yesterday", "1:1:1"):
        assert read(said(DateTimeOriginal=date)).taken_at is None


def test_xmp_tells_title_description_words_and_rating():
    for data in (
        hostile.encode(SCENE, "JPEG", xmp=PACKET.encode()),
        hostile.encode(SCENE, "WEBP", xmp=PACKET.encode()),
    ):
        found = read(open_picture(data))
        assert (found.title, found.description, found.tags, found.rating) == (
            "Harbour & sea",
            "Two boats.",
            ("boat", "sea"),
            4,
        )
        assert found.taken_at == datetime(2021, 6, 7, 6, 9, 10, tzinfo=UTC).timestamp()
        assert not any(word in str(found.rest) for word in ("GPS", "Berlin", "52,31"))


def test_windows_words_and_rating():
    found = read(said(XPKeywords="boat;sea".encode("utf-16-le"), Rating=5))
    assert (found.tags, found.rating) == (("boat", "sea"), 5)


@pytest.mark.parametrize(
    "packet",
    [
        "<dc:title>" * 25_000,
        "<rdf:li>" * 30_000,
        '<a:City x="' * 20_000,
        "xmp:Rating=" * 20_000,
        "<dc:subject>" + "<rdf:li>a</rdf:li>" * 9_000 + "</dc:subject>",
        '<!DOCTYPE x [<!ENTITY a "&a;&a;">]><dc:title>&a;</dc:title>',
        "\0" * 100_000,
    ],
    ids=["open", "items", "where", "rating", "many", "entity", "nul"],
)
def test_hostile_xmp_is_read_in_no_time(packet):
    found = read(open_picture(hostile.encode(SCENE, "WEBP", xmp=packet.encode())))
    assert found.rating == 0 and len(found.tags) <= 100 and len(found.title) <= 200


# --- ours, and whatever comes --------------------------------------------------------------------------------------------


def test_ours_say_all_of_it_exactly():
    text = write_text(RECIPE, extras={"record": {"pack_name": "Dream"}})
    found = read(png(**text))
    assert found.tool == "easel" and found.recipe == RECIPE and found.rest == text
    assert (found.prompt, found.seed, found.model, found.loras) == (RECIPE.prompt, 42, "Dream", (Worn("ink", 0.8),))
    newer = {**text, "easel": text["easel"].replace('"version":1', '"version":9')}
    assert read(png(**newer)).tool == "easel", "our own words in A1111's form tell as much"


def test_the_facts_are_what_a_table_takes():
    found = read(png(Comment=json.dumps(novelai(prompt="a \ud800 boat")), **AROUND))
    facts = found.facts()
    assert json.loads(str(facts.metadata)) == found.rest
    assert replace(facts, metadata=None) == Facts(
        made_with="novelai", model="dream-v8", sampler="dpm++ 2m karras", seed=42, negative="people"
    )
    assert read(png(**write_text(RECIPE, extras={}))).facts().metadata is None


def test_our_pictures_and_maps_come_back_through_a_file_as_they_were(gate, tmp_path):
    for text in (
        write_text(RECIPE, extras={"kind": "painted", "parents": ["ab" * 32]}),
        write_map(ControlMap("canny", {"low": 10.0}), extras={}),
    ):
        files = Files(tmp_path)
        written = files.write(gate.picture(SCENE), text=text)
        found = read(open_picture(files.path(written.file).read_bytes()))
        assert found.tool == "easel" and found.rest == text
        assert found.recipe == (RECIPE if "parameters" in text else None)


@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "TIFF", "WEBP", "PNG", "JPEG"])
def test_what_we_write_anew_or_keep_tells_all_but_where(kind, gate, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
    exif.get_ifd(0x8769).update({0x9003: "2023:04:05 06:07:08", 0x9286: b"ASCII\0\0\0" + A1111.encode()})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    data = hostile.encode(SCENE, kind, exif=exif.tobytes())
    cleared, intake = gate.file(data)
    files, says = Files(tmp_path), of_foreign(intake.text)
    stored = files.path(files.write(cleared, text=says.text, xmp=says.xmp).file).read_bytes()
    assert place_of(data) is not None and place_of(stored) is None and b"GPS" not in stored
    assert replace(read(open_picture(stored)), rest={}) == replace(read(intake), rest={})
    found = read(open_picture(stored))
    assert told(found) == ("a1111", *ALL) and found.camera == "Canon EOS R5" and found.taken_at is not None


def test_ours_win_over_all_others():
    text = write_text(RECIPE, extras={})
    text |= {"prompt": json.dumps(graph()), "invokeai_metadata": json.dumps(invoke(positive_prompt="other"))}
    assert read(png(**text)).recipe == RECIPE and read(png(**text)).tool == "easel"


KEYS = (
    "easel",
    "parameters",
    "prompt",
    "workflow",
    "invokeai_metadata",
    "sd-metadata",
    "Dream",
    "Comment",
    "UserComment",
    "XML:com.adobe.xmp",
    "exif:Make",
    "exif:Model",
    "exif:DateTimeOriginal",
    "exif:Rating",
    "Software",
    "fooocus_scheme",
)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 100_000,
        "{}",
        "[]",
        "null",
        '{"sui_image_params": []}',
        '{"sui_image_params": {"seed": {}, "loras": 3}}',
        '{"image": [[]]}',
        '{"image": {"prompt": [1, {"prompt": 2}], "seed": []}}',
        '{"nodes": [1, {"id": {}}], "links": [[[], []]]}',
        '{"1": {"class_type": "KSampler", "inputs": []}}',
        '{"prompt": "\\ud800", "uc": 1, "v4_prompt": {"caption": {"char_captions": 3}}}',
        '{"seed": ' + "9" * 5_000 + "}",
        "\ud800",
        "\0",
        '{"base_model": 1, "prompt": 2, "performance": 3, "loras": [[]], "styles": {}}',
    ],
    ids=range(16),
)
def test_no_text_whatever_raises(text):
    for key in KEYS:
        found = read_text({key: text, "Software": "NovelAI"})
        assert found.recipe is None and found.rest[key] == (text if key != "Software" else "NovelAI")
        json.dumps(found.prompt).encode()
    assert read_text(dict.fromkeys(KEYS, text)).recipe is None


def test_ten_megabytes_of_json_are_refused_or_read_in_no_time():
    big = {str(index): node("CLIPTextEncode", text="x" * 200, clip=["0", 0]) for index in range(45_000)}
    text = json.dumps(big)
    assert len(text) > 10 * 2**20 and read_text({"prompt": text}).prompt == ""


@pytest.mark.parametrize(
    "body", [invoke(), swarm(), fooocus(), novelai(), graph()], ids=["invoke", "swarm", "fooocus", "novelai", "comfy"]
)
def test_values_of_the_wrong_kind_are_left_out(body):
    keys = {"invoke": "invokeai_metadata"}
    inner = body.get("sui_image_params", body)
    key = (
        "Comment"
        if "uc" in body
        else "prompt"
        if "3" in body
        else keys["invoke"]
        if "app_version" in body
        else "parameters"
    )
    for name in inner:
        for wrong in (None, [], {}, True, "\ud800", 1e999, -5, [[]], "x" * 9_000):
            changed = (
                {**body, "sui_image_params": {**inner, name: wrong}} if inner is not body else {**body, name: wrong}
            )
            found = read_text(
                {key: json.dumps(changed), "Software": "NovelAI"} if key == "Comment" else {key: json.dumps(changed)}
            )
            assert found.seed is None or 0 <= found.seed < 2**63
            assert isinstance(found.prompt, str) and len(found.prompt) <= 4_000 and found.prompt.encode() is not None
            assert found.size is None or all(isinstance(side, int) for side in found.size)
