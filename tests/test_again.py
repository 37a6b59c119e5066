"""Will it come out the same here, on the gallery's detail: the press, the way there, each ending, and keeping what came out."""

from __future__ import annotations

import dataclasses
import os

import pytest
from PIL import Image
from test_pages import assert_sound, button, jobs, page, studio, text

from studio.domain.recipe import Recipe
from studio.domain.record import Part, Record
from studio.ui import again

__all__ = ["studio"]  # the fixture of the pages' tests

RECORD = Record(
    (
        Part("painter", "storybook", "Storybook", {"unet/x.safetensors": "ab" * 32}),
        Part("LoRA", "sparkle", "Sparkle", {"x": "1"}),
    ),
    versions={"torch": "2.13.0"},
    device="2 CPU cores",
    kind="cpu",
    dtype="float32",
    threads=2,
)
DIFFERS = [{"label": "torch", "then": "2.12.0", "here": "2.13.0", "because": "torch was 2.12.0 and is 2.13.0 here"}]
FAR = {"largest": 90, "mean": 3.5, "psnr": 21.25, "visible": 0.341, "differing": 0.5}


@pytest.fixture
def artwork(studio, gate):
    cleared = gate.picture(Image.effect_noise((64, 64), 40).convert("RGB"))
    return studio.gallery.add(cleared, Recipe("a red star", seed=7), record=RECORD.to_dict())


def pressed(artwork):
    return button(page("gallery", id=str(artwork.id)), "repeat").click().run()


def end(studio, state="done", error="", **result):
    job = studio.queue.claim("paint", "test")
    assert job is not None and job.kind == "repeat"
    assert studio.queue.finish(job.id, state, result=result, error=error, seconds=1.25)
    return job


def test_one_press_queues_one_repetition_and_a_refresh_finds_it(studio, artwork):
    test = pressed(artwork)
    assert_sound(test)
    (job,) = jobs(studio, "repeat")
    assert job.payload["artwork"] == artwork.id and job.payload["recipe"]["seed"] == 7 and job.lane == "paint"
    assert test.query_params["again"] == str(job.id) and "Will it come out the same here?" in text(test)
    other = page("gallery", id=str(artwork.id))  # another tab, which finds what runs
    assert "Will it come out the same here?" in text(other)
    other.button(key=f"cancel_{job.id}").click().run()
    assert studio.job(job.id).cancel and "Nothing was compared" in text(test.run())
    test.button(key="again_close").click().run()
    assert "again" not in test.query_params and "Nothing was compared" not in text(test)


@pytest.mark.parametrize("saving", [False, True])
def test_a_repetition_is_foretold_by_the_way_it_will_be_painted(studio, gate, saving):
    cleared = gate.picture(Image.effect_noise((64, 64), 40).convert("RGB"))
    record = dataclasses.replace(RECORD, saving=saving)
    made = studio.gallery.add(cleared, Recipe("a red star", seed=7), record=record.to_dict())
    usual = "paint:storybook:128x128:dpm++ 2m"
    studio.queue.record_timing(f"{usual}:offload" if saving else usual, 1.0, 1.0)
    job = studio.repeat(made.id)
    assert (job.payload.get("offload") is True) == saving and studio.queue.seconds_left(job) == made.recipe.steps


def test_the_same_to_the_last_pixel(studio, artwork):
    test = pressed(artwork)
    end(studio, same=True, sentence="The same to the last pixel.", measured={"largest": 0}, differences=[])
    test.run()
    assert_sound(test)
    said = text(test)
    assert "The same to the last pixel" in said and "1.2 s" in said and "Largest difference" not in said
    assert not [one for one in test.button if one.key == "again_keep"], "there is nothing new to keep"


def test_a_different_one_is_shown_beside_it_explained_and_kept(studio, gate, artwork):
    test = pressed(artwork)
    name = studio.files.preview(gate.picture(Image.new("RGB", (64, 64), "teal")), "repeat-1")
    spool = studio.upload(b"x")
    sentence = "Different: 34% of its pixels differ visibly, by up to 90 of 255, because torch was 2.12.0."
    end(studio, same=False, sentence=sentence, measured=FAR, differences=DIFFERS, preview=name, spool=spool, record={})
    test.run()
    assert_sound(test)
    said = text(test)
    for words in ("Different", "34% of its pixels", "There and then", "2.12.0", "90 of 255", "21.2 dB", "34.1%"):
        assert words in said, words
    assert test.segmented_control(key="again_way").value == "slider"
    test.button(key="again_keep").click().run()
    keeping = jobs(studio, "repeat")[0]
    assert keeping.payload["keep"] == spool and keeping.payload["artwork"] == artwork.id
    kept = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), Recipe("a red star", seed=7))
    end(studio, artworks=[kept.id])
    test.run()
    assert "In the gallery" in text(test)
    test.button(key="again_open").click().run()
    assert test.query_params["id"] == str(kept.id) and "again" not in test.query_params


@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted"])
def test_what_could_not_be_kept_can_be_asked_for_again(studio, gate, artwork, state):
    test = pressed(artwork)
    spool = studio.upload(b"x")
    painted = end(studio, same=False, sentence="Different: so.", measured=FAR, differences=[], spool=spool, record={})
    test.run().button(key="again_keep").click().run()
    lost = end(studio, state, error="The disk is full; make room.")
    os.utime(studio.files.home / "incoming" / spool, (1, 1))
    studio.gallery.sweep()
    assert studio.files.spooled(spool) == b"x", "a worker's next start leaves what may be kept yet"
    test.run()
    assert_sound(test)
    assert "The disk is full" in text(test)
    test.button(key="again_keep").click().run()
    anew = studio.keep_repeat(painted.id)  # another tab: the same one
    assert anew.id > lost.id and anew.state == "waiting" and anew.payload["keep"] == spool
    assert len(jobs(studio, "repeat")) == 3
    kept = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), Recipe("a red star", seed=7))
    end(studio, artworks=[kept.id])
    assert studio.keep_repeat(painted.id).id == anew.id, "kept is kept"
    assert "In the gallery" in text(test.run())


def test_where_the_preview_is_gone_the_numbers_stay(studio, artwork):
    test = pressed(artwork)
    end(studio, same=False, sentence="Different: so.", measured=FAR, differences=[], preview="repeat-9.webp")
    test.run()
    assert_sound(test)
    assert "90 of 255" in text(test) and not [one for one in test.button if one.key == "again_keep"]


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("refused", "It looks like a skull sign: 0.1 over the limit.", "Refused by the safety gate"),
        ("failed", "The model produced no numbers (NaN).", "no numbers"),
        ("interrupted", "The worker stopped while painting.", "Interrupted"),
    ],
)
def test_every_other_ending_is_a_sentence(studio, artwork, state, error, words):
    test = pressed(artwork)
    end(studio, state, error=error, differences=DIFFERS)
    test.run()
    assert_sound(test)
    assert words in text(test) and error in text(test) and "2.12.0" in text(test)


def test_what_is_missing_is_said_and_nothing_is_queued(studio, gate):
    cleared = gate.picture(Image.new("RGB", (64, 64), "teal"))
    artwork = studio.gallery.add(cleared, Recipe("a red star", pack="sd15"))
    test = pressed(artwork)
    assert_sound(test)
    assert "no pack named 'sd15'" in text(test) and jobs(studio, "repeat") == []


def test_without_a_recipe_there_is_no_button(studio, gate):
    bare = studio.gallery.add(gate.picture(Image.new("RGB", (64, 64), "teal")), kind="imported")
    test = page("gallery", id=str(bare.id))
    assert not [one for one in test.button if str(one.key).startswith("repeat_")]


def test_a_strange_address_shows_the_picture(studio, artwork):
    other = studio.submit("warm", {})
    for value in ("999", "x", str(other.id)):
        test = page("gallery", id=str(artwork.id), again=value)
        assert_sound(test)
        assert "Close" not in [one.label for one in test.button]


def test_the_file_tells_with_what_it_was_painted(studio, gate, artwork):
    said = text(page("gallery", id=str(artwork.id)))
    for words in ("Storybook, Sparkle (LoRA)", "abababababab", "2 CPU cores · float32 · 2 threads", "torch 2.13.0"):
        assert words in said, words
    assert again.made_with(None) == []
