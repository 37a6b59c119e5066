"""The Shelf page without a browser: what is here, what can be installed, what is on its way, one's own models, the ledger."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import weights
from streamlit.testing.v1 import AppTest
from test_packs import FILES, LCM, installed
from test_pages import HOSTILE, assert_sound, button, framed, markup, page, studio, text

from studio.domain.job import Job
from studio.packs.manifest import read_manifest
from studio.places import ASSETS, ROOT
from studio.ui.shelf import texts
from studio.workshop.reporting import JobReport
from studio.workshop.tending import bring_model, move_pack, scan, verify_pack
from studio.workshop.tools import Tools

__all__ = ["studio"]  # the fixture of the other pages' tests

WORK = {"scan": scan, "bring": bring_model, "verify": verify_pack, "move": move_pack}
SD15 = read_manifest(ASSETS / "packs" / "sd15.toml")


def work(studio) -> Job:
    """Play the worker for the next job of the lane "fetch"."""
    tools = Tools(studio.home)
    job = studio.queue.claim("fetch", "test")
    assert job is not None
    report = JobReport(job, queue=tools.queue, files=tools.files, alive=lambda: None, stopping=lambda: False)
    assert studio.queue.finish(job.id, "done", result=WORK[job.kind](job, report, tools))
    return studio.job(job.id)


def view(name: str, **state: object) -> AppTest:
    test = page("shelf")
    for key, value in {"shelf_view": name, **state}.items():
        test.session_state[key] = value
    return test.run()


def shelved(studio) -> None:
    """A small pack from the hub, installed."""
    studio.shelf.accept(installed(studio.shelf.home, LCM, FILES), LCM)


def test_the_shelf_shows_what_a_pack_is_and_verifies_it(studio):
    test = page("shelf")
    assert_sound(test)
    here = len(studio.shelf.packs())  # Storybook, and LoRAs of its own that ship
    assert "Storybook" in text(test) and "Licence" in text(test)
    assert f"{here} pack{'s' if here > 1 else ''} on this machine" in text(test)
    assert not [one for one in test.button if str(one.key).startswith(("remove", "removing"))], "what ships stays"
    button(test, "verify_storybook").click().run()
    assert [job.kind for job in studio.queue.list(("waiting",))] == ["verify"]
    assert studio.queue.list(("waiting",))[0].lane == "fetch"
    assert work(studio).result == {"pack": "storybook", "problems": []}
    test = page("shelf")
    assert_sound(test)
    assert "Every file was exactly what it should be" in text(test)


def test_a_painter_is_painted_with_from_its_card_and_keeps_the_words_but_not_the_numbers_of_another(studio):
    studio.keep_draft("create", {"prompt": "a red star", "pack": "sd15", "steps": 77, "size": "512 × 512"})
    test = framed("shelf")
    button(test, "paint_storybook").click().run()
    assert_sound(test)
    assert test.session_state["create_prompt"] == "a red star" and test.session_state["create_steps"] != 77
    assert test.session_state["create_pack"] == "storybook"


def test_a_flipped_byte_is_said_on_its_card(studio):
    shelved(studio)
    (studio.shelf.home / "lcm-sd15" / "pytorch_lora_weights.safetensors").write_bytes(b"x" * 2_000_000)
    button(page("shelf"), "verify_lcm-sd15").click().run()
    work(studio)
    assert "Not whole" in text(page("shelf")) and "SHA-256 differs" in text(page("shelf"))


def test_removing_says_what_will_not_work_before(studio):
    shelved(studio)
    needing = dataclasses.replace(SD15, id="mine", name=HOSTILE, needs=("lcm-sd15",), source=None)
    studio.shelf.accept(installed(studio.shelf.home, needing, {"unet/x.safetensors": b"w"}), needing)
    test = page("shelf")
    assert_sound(test)
    assert "<img src=x" not in markup(test)
    assert f"{HOSTILE} will not work without it" in text(test) and "2.0 MB are deleted" in text(test)
    button(test, "removing_lcm-sd15").click().run()
    assert studio.shelf.state("lcm-sd15") == "absent"


def test_a_pack_moves_and_comes_home(studio, tmp_path):
    shelved(studio)
    disk = tmp_path / "disk"
    disk.mkdir()
    test = page("shelf")
    test.text_input(key="to_lcm-sd15").set_value(str(disk)).run()
    button(test, "moving_lcm-sd15").click().run()
    work(studio)
    test = page("shelf")
    assert f"It lies in {disk / 'lcm-sd15'} now" in text(test)
    button(test, "homing_lcm-sd15").click().run()
    work(studio)
    assert studio.shelf.get("lcm-sd15").folder.parent == studio.shelf.home


def test_what_may_be_installed_says_size_licence_limits_and_needs(studio):
    test = view("Install")
    assert_sound(test)
    said = text(test)
    assert "Stable Diffusion 1.5" in said and "CreativeML OpenRAIL-M" in said and "harmful uses" in said
    assert "2.1 GB" in said and "Also installs Safety checker (CompVis) (608 MB)." in said
    assert 'href="https://huggingface.co/spaces/CompVis/stable-diffusion-license"' in markup(test)
    test = view("Install", shelf_kind="controls", shelf_family="Stable Diffusion XL")
    assert "For painters of Stable Diffusion XL: none is installed yet." in text(test)
    assert "Every control for Stable Diffusion XL" in text(test) and "Pose for Stable Diffusion 1" not in text(test)


@pytest.mark.parametrize("kind", texts.ONE)
def test_every_kind_of_pack_has_its_words(studio, kind):
    assert kind in texts.WHAT
    if texts.offered(studio.shelf.catalogue(), kind, ""):
        assert_sound(view("Install", shelf_kind=kind))


def test_what_nothing_uses_yet_is_said_and_all_else_is_asked_for_by_some_room(studio, monkeypatch):
    rooms = [path for folder in ("workshop", "packs") for path in (ROOT / "studio" / folder).rglob("*.py")]
    asked = "".join(
        path.read_text() for path in rooms if path.name not in ("manifest.py", "bring.py", "weights.py", "folders.py")
    )
    for manifest in studio.shelf.catalogue():
        for role in manifest.roles:
            known = f'"{role}"' in asked or role.startswith("control-")
            assert known != (role in texts.UNUSED), f"{manifest.id}: {role}"
    monkeypatch.setattr(texts, "UNUSED", ("upscaler",))
    assert "Nothing in Easel uses it yet." in text(view("Install", shelf_kind="upscaler"))
    assert "Nothing in Easel uses it yet." not in text(view("Install", shelf_kind="painter"))


def test_one_click_installs_and_the_progress_can_be_paused_and_thrown_away(studio):
    test = view("Install", shelf_kind="lora")
    button(test, "install_lcm-sd15").click().run()
    (job,) = studio.queue.list(("waiting",))
    assert (job.kind, job.payload["pack"]) == ("install", "lcm-sd15")
    assert "Waiting for its turn" in text(test) and button(test, "install_lcm-sd15").disabled
    studio.queue.claim("fetch", "test")
    studio.queue.progress(job.id, 40_000_000, 134_621_556, stage="fetching, 12 MB/s, about 8 s left")
    test = view("Install", shelf_kind="lora")
    assert "40 MB of 135 MB · Fetching, 12 MB/s, about 8 s left" in text(test)
    assert 'aria-valuenow="30"' in markup(test)
    button(test, "pause_lcm-sd15").click().run()
    assert studio.job(job.id).cancel
    studio.queue.finish(job.id, "cancelled", error="Paused.")
    (studio.shelf.home / ".fetching" / "lcm-sd15").mkdir(parents=True)
    test = page("shelf")
    assert_sound(test)
    assert "Paused" in text(test)
    button(test, "resume_lcm-sd15").click().run()
    (again,) = studio.queue.list(("waiting",))
    assert again.kind == "install"
    studio.queue.claim("fetch", "test")
    studio.queue.finish(again.id, "failed", error=f"The hub said {HOSTILE}.")
    test = page("shelf")
    assert f"The hub said {HOSTILE}." in text(test) and "<img src=x" not in markup(test)
    assert button(test, "resume_lcm-sd15").label == "Try again"
    button(test, "throw_lcm-sd15").click().run()
    assert studio.shelf.state("lcm-sd15") == "absent" and "The hub said" not in text(test)


def test_offline_nothing_can_be_installed_and_the_ledger_says_who_was_asked(studio):
    test = view("Connections")
    assert "Nobody was ever contacted" in text(test)
    test.toggle(key="shelf_offline").set_value(True).run()
    assert studio.settings.offline
    test = view("Install", shelf_kind="lora")
    assert button(test, "install_lcm-sd15").disabled and "offline by your own choice" in text(test)
    studio.save_settings(dataclasses.replace(studio.settings, offline=False))
    studio.database.write(
        "INSERT INTO contacts (at, host, why, bytes) VALUES (?, ?, ?, ?)",
        0,
        "hub.example",
        f"to install {HOSTILE}",
        12_000_000,
    )
    test = view("Connections")
    assert_sound(test)
    assert "hub.example" in text(test) and "12 MB" in text(test) and "<img src=x" not in markup(test)


def test_ones_own_models_are_found_asked_about_and_brought(studio, tmp_path):
    models = tmp_path / "models"
    weights.write(models / "Stable-diffusion" / "dreamer.safetensors", weights.single_file("sd1"))
    weights.write(models / "ControlNet" / "mystery.safetensors", weights.control("sd1"))
    (models / "old.ckpt").write_bytes(b"\x80\x02" + b"x" * 2_000)
    test = view("Bring your own")
    test.text_input(key="shelf_path").set_value(str(models))
    next(one for one in test.button if one.label == "Look").click().run()
    found = work(studio).result["found"]
    assert json.loads(json.dumps(found)) == found and [Path(one["path"]).name for one in found][-1] == "old.ckpt"
    test.run()
    assert_sound(test)
    said = text(test)
    assert "A painter for Stable Diffusion 1, fp16" in said and "is a pickle" in said
    assert "with the vocabulary of another pack of Stable Diffusion 1: install one too" in said
    place = {Path(one["path"]).name: number for number, one in enumerate(found)}
    number = place["mystery.safetensors"]
    test.selectbox(key=f"own_control_{number}").set_value("depth")
    button(test, f"own_use_{number}").click().run()
    pack = studio.shelf.get(work(studio).result["pack"])
    assert pack.manifest.roles == {"control-depth": "mystery.safetensors"} and pack.home is not None
    button(test, f"own_copy_{place['dreamer.safetensors']}").click().run()
    assert studio.shelf.get(work(studio).result["pack"]).manifest.kind == "painter"
    test.run()
    assert_sound(test)
    assert len([one for one in test.button if one.label == "On the shelf"]) == 2
    assert "used" in text(page("shelf")) or "dreamer" in text(page("shelf"))


def test_the_models_of_other_tools_are_one_press_away(studio, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    test = view("Bring your own")
    assert_sound(test)
    assert "Nothing was looked at yet" in text(test)
    models = tmp_path / "ComfyUI" / "models"
    weights.write(models / "loras" / "style.safetensors", weights.lora("sd1"))
    test = view("Bring your own")
    assert "Nothing was looked at yet" not in text(test)
    button(test, "usual_0").click().run()
    assert [Path(one["path"]).name for one in work(studio).result["found"]] == ["style.safetensors"]
    test.run()
    assert_sound(test)
    assert test.text_input(key="shelf_path").value == str(models) and "A LoRA for Stable Diffusion 1" in text(test)


def test_a_path_that_leads_nowhere_is_a_sentence(studio):
    test = view("Bring your own")
    next(one for one in test.button if one.label == "Look").click().run()
    assert "Say where the file or folder is" in text(test)
    test.text_input(key="shelf_path").set_value("/no/such/place")
    next(one for one in test.button if one.label == "Look").click().run()
    (job,) = studio.queue.list(("waiting",))
    studio.queue.claim("fetch", "test")
    studio.queue.finish(job.id, "failed", error="There is nothing at /no/such/place; look at the spelling.")
    test.run()
    assert "There is nothing at /no/such/place" in text(test)
