"""Wildcards, styles and words to click, on the pages: what they show, what is queued, and that nothing typed is lost."""

import pytest
from PIL import Image
from test_outfit import bring
from test_pages import assert_sound, button, jobs, page, studio, text

from studio.domain.errors import BadInput
from studio.domain.prompting import pictures
from studio.domain.recipe import Lora, Recipe
from studio.domain.style import Style
from studio.domain.verdict import Cleared
from studio.gallery.keeping.records import typed_at
from studio.ui import forms

__all__ = ["studio"]  # the fixture of the pages' tests


def chips(test, scope="create"):
    return [one.label for one in test.button if str(one.key).startswith(f"{scope}_chip_")]


@pytest.fixture
def animals(studio):
    studio.wildcards.save("animals", "fish\nboat\nstar\nheart")
    return studio


# --- Create -----------------------------------------------------------------------------------------------------------


def test_the_line_says_what_is_picked_and_the_job_what_was(animals):
    animals.styles.save(Style("mine", "{prompt} at night", "sea"))
    test = page("create")
    test.text_area(key="create_prompt").set_value("a red __animals__").run()
    assert "one of 4 animals" in " ".join(text(test).split()) and "does not know" not in text(test)
    test.multiselect(key="create_styles").set_value(["mine"]).run()
    test.number_input(key="create_count").set_value(4).run()
    button(test, "paint").click().run()
    assert_sound(test)
    (job,) = jobs(animals, "paint")
    recipe = Recipe.from_dict(job.payload["recipe"])
    spoken = [one.prompt for one in pictures(recipe)]
    assert all(one.startswith("a red ") and one.endswith(" at night") for one in spoken) and recipe.negative == "sea"
    assert job.payload["typed"] == {"prompt": "a red __animals__", "negative": "", "styles": ["mine"]}
    assert test.text_area(key="create_prompt").value == "a red __animals__", "what was typed stays"
    again = page("create")  # another tab
    assert again.multiselect(key="create_styles").value == ["mine"]
    assert forms.fields_of(recipe)["styles"] == [], "its prompt says all of it"
    queue = page("queue")
    assert "a red __animals__" in text(queue)


def test_what_cannot_be_worded_is_said_at_once_and_queues_nothing(animals):
    test = page("create")
    test.text_area(key="create_prompt").set_value("a red __animal__").run()
    assert "Did you mean animals?" in text(test)
    button(test, "paint").click().run()
    assert_sound(test)
    assert jobs(animals, "paint") == []
    test.text_area(key="create_prompt").set_value("a red star <lora:ink:1>").run()
    assert "no LoRA ink" in text(test)
    test.text_area(key="create_prompt").set_value("x" * 4_001).run()
    assert_sound(test)
    test.text_area(key="create_prompt").set_value("__animals__ " + "star " * 90).run()
    assert "The model will not see star" in " ".join(text(test).split()), "a wildcard hides no cut"


def test_a_style_that_is_gone_can_be_taken_out(studio):
    studio.keep_draft(
        "create", {**forms.defaults(studio.shelf.get("storybook").manifest), "prompt": "a star", "styles": ["old"]}
    )
    test = page("create")
    assert_sound(test)
    assert "old (deleted)" in test.multiselect(key="create_styles").options and "no style 'old'" in text(test)
    button(test, "paint").click().run()
    assert jobs(studio, "paint") == []
    test.multiselect(key="create_styles").set_value([]).run()
    button(test, "paint").click().run()
    assert len(jobs(studio, "paint")) == 1


def test_a_strange_word_is_exchanged_with_a_click(studio):
    test = page("create")
    test.text_area(key="create_prompt").set_value("an owl above a castle").run()
    assert "Storybook does not know owl and castle" in " ".join(text(test).split())
    assert chips(test) == ["fish", "cat", "bird"]
    test.button(key="create_chip_0").click().run()
    assert test.text_area(key="create_prompt").value == "a fish above a castle" and "house" in chips(test)
    test.button(key="create_chip_0").click().run()
    assert test.text_area(key="create_prompt").value == "a fish above a house" and chips(test) == []
    assert_sound(test)


def test_trigger_words_are_clicked_into_the_prompt_once(studio):
    bring(studio)
    test = page("create")
    test.text_area(key="create_prompt").set_value("a star <lora:sparkle:0.5>").run()
    assert chips(test) == ["glitter"]
    test.button(key="create_chip_0").click().run()
    assert test.text_area(key="create_prompt").value == "a star <lora:sparkle:0.5>, glitter"
    assert "glitter" not in chips(test) and "does not know" not in text(test), "the LoRA was taught the word"
    test.text_area(key="create_prompt").set_value("a star").run()
    test.multiselect(key="create_loras").set_value(["sparkle"]).run()
    assert chips(test) == ["glitter"]
    test.text_area(key="create_prompt").set_value("a star <lora:sparkle:0.5>").run()
    button(test, "paint").click().run()
    (job,) = jobs(studio, "paint")
    assert Recipe.from_dict(job.payload["recipe"]).loras == (Lora("sparkle", 0.5),), "the tag wins over the form"


def test_these_words_are_kept_as_a_style(studio):
    test = page("create")
    test.text_area(key="create_prompt").set_value("thick *paint*").run()
    test.text_input(key="styles_keep_name").set_value("My oil").run()
    test.button(key="styles_keep_now").click().run()
    assert_sound(test)
    assert studio.styles.named(["my oil"]) == [Style("My oil", "thick *paint*")]
    assert "My oil" in test.multiselect(key="create_styles").options
    test.text_input(key="styles_keep_name").set_value("My oil").run()
    test.button(key="styles_keep_now").click().run()
    assert "already" in text(test)


def test_the_guide_reads_wildcards_and_offers_words_too(animals):
    test = page("guide")
    test.text_area(key="guide_prompt").set_value("a red __animals__ by a castle").run()
    assert_sound(test)
    assert "one of 4 animals" in " ".join(text(test).split()) and "house" in chips(test, "guide")
    test.button(key="guide_chip_0").click().run()
    assert test.text_area(key="guide_prompt").value == "a red __animals__ by a house"


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_a_wildcard_file_is_written_changed_deleted_and_brought_back(studio):
    test = page("settings")
    test.text_input(key="wildcards_new_name").set_value("animals").run()
    test.text_area(key="wildcards_new_text").set_value("cat\nowl").run()
    other = page("settings")  # nothing typed is lost with a tab
    assert other.text_area(key="wildcards_new_text").value == "cat\nowl"
    test.button(key="wildcards_add").click().run()
    assert_sound(test)
    assert studio.wildcards.lines("animals") == ("cat", "owl") and "2 entries" in text(test)
    test.text_area(key="wildcards_text_animals").set_value("cat\nowl\nfox").run()
    assert studio.wildcards.lines("animals") == ("cat", "owl", "fox") and "3 entries" in text(test)
    test.button(key="wildcards_delete").click().run()
    assert studio.wildcards.names() == [] and "__animals__ is deleted" in text(test)
    test.button(key="wildcards_undo_now").click().run()
    assert_sound(test)
    assert test.text_area(key="wildcards_text_animals").value == "cat\nowl\nfox\n"
    again = page("settings")
    assert again.text_area(key="wildcards_new_text").value == "", "what was added is no draft any more"


def test_two_tabs_on_one_wildcard_file(animals):
    one, two = page("settings"), page("settings")
    for test in (one, two):
        test.selectbox(key="wildcards_chosen").set_value("animals").run()
    one.text_area(key="wildcards_text_animals").set_value("cat").run()
    two.text_area(key="wildcards_text_animals").set_value("owl").run()
    assert_sound(two)
    assert "changed elsewhere" in text(two) and animals.wildcards.lines("animals") == ("cat",)
    assert two.text_area(key="wildcards_text_animals").value == "owl", "what was typed is still there"
    two.selectbox(key="wildcards_chosen").set_value("").run()
    assert "changed elsewhere" not in text(two), "that was said of another file"
    two.selectbox(key="wildcards_chosen").set_value("animals").run()
    one.text_area(key="wildcards_text_animals").set_value("cat\nfox").run()
    two.text_area(key="wildcards_text_animals").set_value("owl").run()
    assert "changed elsewhere" in text(two) and animals.wildcards.lines("animals") == ("cat", "fox")
    two.button(key="wildcards_again").click().run()
    assert two.text_area(key="wildcards_text_animals").value == "cat\nfox\n" and "changed elsewhere" not in text(two)


def test_dropped_files_are_taken_in_and_wrong_ones_named(studio):
    test = page("settings")
    drop = test.file_uploader(key="wildcards_drop_0")
    drop.set_value([("birds.txt", b"wren\nowl", "text/plain"), ("bad.txt", b"\xff\xfe", "text/plain")]).run()
    assert_sound(test)
    assert studio.wildcards.names() == ["birds"] and "not UTF-8" in text(test)
    assert test.selectbox(key="wildcards_chosen").value == "birds"


def test_a_style_is_written_changed_renamed_deleted_and_brought_back(studio):
    test = page("settings")
    test.text_input(key="styles_new_name").set_value("mine").run()
    test.text_area(key="styles_new_prompt").set_value("{prompt} by day").run()
    test.button(key="styles_add").click().run()
    assert_sound(test)
    assert studio.styles.named(["mine"]) == [Style("mine", "{prompt} by day")]
    test.text_area(key="styles_negative_1").set_value("dark").run()
    test.text_input(key="styles_name_1").set_value("by day").run()
    assert_sound(test)
    assert studio.styles.named(["by day"]) == [Style("by day", "{prompt} by day", "dark")]
    with pytest.raises(BadInput):
        studio.styles.named(["mine"])
    test.button(key="styles_delete").click().run()
    assert "by day" not in [style.name for style in studio.styles.all()] and "by day is deleted" in text(test)
    test.button(key="styles_undo_now").click().run()
    assert_sound(test)
    assert test.selectbox(key="styles_chosen").value == "by day" and studio.styles.named(["by day"])
    test.text_area(key="styles_prompt_2").set_value("").run()
    test.text_area(key="styles_negative_2").set_value("").run()
    assert "needs words" in text(test) and studio.styles.named(["by day"])[0].negative == "dark"
    test.selectbox(key="styles_chosen").set_value("Line art").run()
    assert "needs words" not in text(test), "that was said of another style"


def test_a_rename_takes_no_field_from_under_whoever_types(studio):
    studio.styles.save(Style("mine", "{prompt} by day"))
    test = page("settings")
    test.selectbox(key="styles_chosen").set_value("mine").run()
    test.text_input(key="styles_name_1").set_value("yours").run()
    test.text_area(key="styles_prompt_1").set_value("{prompt} by night")  # the very field that stood there before
    test.text_input(key="styles_name_1").set_value("ours").run()  # both at once
    assert_sound(test)
    assert "elsewhere" not in text(test) and test.selectbox(key="styles_chosen").value == "ours"
    assert [style for style in studio.styles.all() if style.name in ("mine", "yours", "ours")] == [
        Style("ours", "{prompt} by night")
    ]


def test_a_new_style_is_a_draft_until_it_is_added(studio):
    test = page("settings")
    test.text_area(key="styles_new_prompt").set_value("{prompt} by day").run()
    test.text_input(key="styles_new_name").set_value(" mine ").run()
    test.selectbox(key="styles_chosen").set_value("Line art").run()
    test.selectbox(key="styles_chosen").set_value("").run()
    for one in (test, page("settings")):
        assert one.text_area(key="styles_new_prompt").value == "{prompt} by day"
    test.button(key="styles_add").click().run()
    assert_sound(test)
    assert studio.styles.named(["mine"]) and page("settings").text_area(key="styles_new_prompt").value == ""


def test_two_tabs_on_one_style(studio):
    studio.styles.save(Style("mine", "{prompt} by day"))
    test = page("settings")
    test.selectbox(key="styles_chosen").set_value("mine").run()
    studio.styles.save(Style("mine", "{prompt} by night"), seen=Style("mine", "{prompt} by day"))
    test.text_area(key="styles_negative_1").set_value("dark").run()
    assert "changed or deleted elsewhere" in text(test)
    assert test.text_area(key="styles_negative_1").value == "dark", "what was typed is still there"
    test.selectbox(key="styles_chosen").set_value("").run()
    test.selectbox(key="styles_chosen").set_value("mine").run()
    assert test.text_area(key="styles_prompt_2").value == "{prompt} by night" and "elsewhere" not in text(test)


def test_a_table_of_styles_is_brought(studio):
    test = page("settings")
    test.file_uploader(key="styles_file").set_value(
        ("styles.csv", b"name,prompt,negative_prompt\nmine,x,y\n", "text/csv")
    ).run()
    assert_sound(test)
    assert studio.styles.named(["mine"]) == [Style("mine", "x", "y")]
    test.file_uploader(key="styles_file").set_value(("styles.csv", b"hello", "text/csv")).run()
    assert "no table of styles" in text(test)


# --- the detail -------------------------------------------------------------------------------------------------------


def test_the_detail_tells_what_was_typed_and_believes_no_file(studio, gate):
    def scene(number: int) -> Cleared:
        return gate.picture(Image.effect_noise((64, 64), 40 + number).convert("RGB"))

    typed = {"prompt": "a __animals__ <b>", "negative": "", "styles": ["mine", 3, "Line art"]}
    made = studio.gallery.add(scene(1), Recipe("a fox, line art"), record={"typed": typed})
    assert typed_at(studio.gallery.path(made)) == ("a __animals__ <b>", ("mine", "Line art"))
    test = page("gallery", id=str(made.id))
    assert_sound(test)
    assert "Typed a __animals__ <b>" in " ".join(text(test).split()) and "mine, Line art" in text(test)
    for number, odd in enumerate((None, 3, [], {"prompt": 1}, {"prompt": "x", "styles": "y"}), start=2):
        other = studio.gallery.add(scene(number), Recipe("x", seed=number), record={"typed": odd})
        assert typed_at(studio.gallery.path(other)) in (None, ("x", ()))
        assert_sound(page("gallery", id=str(other.id)))
