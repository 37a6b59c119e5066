"""Wildcard files and styles as a user keeps them, on a real disk and in a database; and what a prompt becomes with them."""

import threading

import pytest
from test_outfit import bring
from test_pages import jobs, studio

from studio.app import Studio, open_studio
from studio.domain.errors import BadInput
from studio.domain.prompting import pictures
from studio.domain.recipe import Lora, Recipe
from studio.domain.style import Style
from studio.phrases.wildcards import GONE, Wildcards, mark
from studio.phrases.wording import find_lora, worded

__all__ = ["studio"]  # the fixture of the pages' tests


@pytest.fixture
def animals(studio: Studio) -> Studio:
    studio.wildcards.save("animals", "# four\ncat\nowl\nfox\nhare")
    return studio


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_is_written_read_and_listed(animals):
    cards = animals.wildcards
    assert (animals.home / "wildcards" / "animals.txt").read_text() == "# four\ncat\nowl\nfox\nhare\n"
    assert cards.save("colours/warm", "red\r\norange") == "colours/warm"
    assert cards.names() == ["animals", "colours/warm"]
    assert cards.lines("animals") == ("cat", "owl", "fox", "hare") and cards.lines("Colours/Warm") == ("red", "orange")
    assert not list((animals.home / "wildcards").rglob(".tmp*"))


def test_what_another_program_wrote_counts_at_once(animals):
    (animals.home / "wildcards" / "animals.txt").write_bytes("\ufeffcaf\u00e9\r\n".encode())
    assert animals.wildcards.lines("animals") == ("caf\u00e9",)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "../x",
        "/etc/passwd",
        "a/../b",
        "a\\b",
        "..",
        ".x",
        "a//b",
        "a/b/c/d/e",
        "x\x00",
        "a__b",
        "C:x",
        "a\nb",
        "~/x",
    ],
)
def test_a_name_is_no_path(studio, name):
    (studio.home / "x.txt").write_text("secret")
    with pytest.raises(BadInput):
        studio.wildcards.save(name, "cat")
    with pytest.raises(BadInput, match="no wildcard file"):
        studio.wildcards.lines(name)


def test_links_that_lead_out_hidden_files_and_foreign_bytes(animals, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    folder = animals.home / "wildcards"
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "loop").symlink_to(folder)
    (folder / "dir.txt").mkdir()
    (folder / ".hidden.txt").write_text("x")
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "huge.txt").write_bytes(b"x\n" * 1_000_001)
    assert animals.wildcards.names() == ["animals", "huge", "latin"]
    with pytest.raises(BadInput, match="no wildcard file out"):
        animals.wildcards.lines("out")
    with pytest.raises(BadInput, match="not UTF-8"):
        animals.wildcards.lines("latin")
    with pytest.raises(BadInput, match="too large"):
        animals.wildcards.lines("huge")


class Counting(Wildcards):
    """Wildcard files that count how often their whole folder is walked, and how often one of them is read."""

    walks = reads = 0

    def _files(self):
        self.walks += 1
        return super()._files()

    def text(self, name):
        self.reads += 1
        return super().text(name)


def test_a_picture_walks_through_no_folder_and_reads_a_file_once(animals):
    cards = Counting(animals.wildcards.folder)
    animals.wildcards.save("colours/warm", "red\norange")
    recipe = Recipe("__animals__ by __colours/warm__ __animals__", negative="__animals__", count=8)
    worded(recipe, styles=(), read=cards.lines, shelf=animals.shelf)
    assert (cards.walks, cards.reads) == (0, 2)
    assert cards.lines("ANIMALS") == cards.lines("animals") and cards.walks == 1, "capitals alone need a walk"


def test_what_is_found_by_its_place_is_what_the_list_shows(animals, tmp_path):
    folder = animals.home / "wildcards"
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "loop").symlink_to(folder)
    (folder / "away").symlink_to(tmp_path)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.txt").write_text("x")
    for name in (
        "loop/animals",
        "away/secret",
        ".hidden/x",
        "./animals",
        "x//animals",
        str(tmp_path / "secret"),
        "é" * 200,
    ):
        with pytest.raises(BadInput, match="no wildcard file"):
            animals.wildcards.lines(name)


def test_a_missing_file_says_which_there_are(animals):
    with pytest.raises(BadInput, match=r"no wildcard file animal\. Did you mean animals\? There are: animals\."):
        animals.paint(Recipe("an __animal__"))
    assert jobs(animals, "paint") == []


def test_a_deleted_file_comes_back_and_never_over_another(animals):
    cards = animals.wildcards
    cards.save("deep/er", "x")
    for name in ("animals", "deep/er"):
        before = cards.text(name)
        cards.remove(name)
        assert name not in cards.names() and (animals.home / "wildcards" / GONE / f"{name}.txt").exists()
        cards.restore(name)
        assert cards.text(name) == before
    cards.remove("animals")
    cards.save("animals", "new")
    with pytest.raises(BadInput, match="another wildcard file"):
        cards.restore("animals")
    assert cards.lines("animals") == ("new",)
    for name in ("never", "../x"):
        with pytest.raises(BadInput):
            cards.restore(name)


def test_dropped_files_keep_their_names_and_overwrite_none(animals):
    cards = animals.wildcards
    assert cards.bring("Birds & bees.txt", b"wren\nbee") == "Birds bees"
    assert cards.bring("C:\\x\\animals.txt", b"dog") == "animals 2" and cards.lines("animals") != ("dog",)
    assert cards.bring("animals.txt", b"dog\n") == "animals 2", "the same once more is the same"
    assert cards.bring("../../__.txt", b"x") == "wildcard"
    for data in (b"", b"# nothing\n", b"\xff\xfe", b"a\x00b"):
        with pytest.raises(BadInput):
            cards.bring("x.txt", data)


def test_two_tabs_do_not_overwrite_each_other(animals):
    cards = animals.wildcards
    seen = mark(cards.text("animals"))
    cards.save("animals", "cat", seen=seen)
    with pytest.raises(BadInput, match="changed elsewhere"):
        cards.save("animals", "owl", seen=seen)
    with pytest.raises(BadInput, match="already"):
        cards.save("ANIMALS", "owl")
    assert cards.lines("animals") == ("cat",)
    cards.remove("animals")
    with pytest.raises(BadInput, match="deleted meanwhile"):
        cards.save("animals", "owl", seen=mark("cat\n"))


def test_a_full_or_read_only_disk_loses_nothing(animals):
    before = animals.wildcards.text("animals")
    taken = animals.home / "wildcards" / ".tmp-animals.txt"
    taken.mkdir()  # the temporary file cannot be written
    with pytest.raises(Exception, match="your text is still here"):
        animals.wildcards.save("animals", "owl", seen=mark(before))
    assert animals.wildcards.text("animals") == before


# --- styles -----------------------------------------------------------------------------------------------------------


def test_shipped_styles_are_there_edited_deleted_and_come_back(studio):
    styles = studio.styles
    names = [style.name for style in styles.all()]
    assert {"Photograph", "Oil painting", "Line art"} <= set(names)
    (oil,) = styles.named(["oil painting"])
    mine = Style("Oil painting", "oil of {prompt}", "")
    styles.save(mine, seen=oil)
    assert styles.named(["Oil painting"]) == [mine] and [style.name for style in styles.all()] == names
    styles.remove("Oil painting")
    assert "Oil painting" not in [style.name for style in styles.all()]
    styles.restore("Oil painting")
    assert styles.named(["Oil painting"]) == [mine]
    styles.remove("Line art")
    styles.restore("Line art")
    assert [style.name for style in styles.all()] == names
    with pytest.raises(BadInput, match=r"Did you mean Line art\?.*Photograph"):
        styles.named(["line arts"])
    styles.bring(b"name,prompt,negative_prompt\n" + b"".join(b"mine %d,x,\n" % number for number in range(40)))
    with pytest.raises(BadInput, match=rf"and {len(styles.all()) - 12} more\.$") as error:
        styles.named(["line arts"])
    assert str(error.value).count(",") == 11 and "mine 30" not in str(error.value), "a dozen of many is enough"


def test_a_style_of_ones_own_survives_a_restart_and_two_tabs(studio):
    mine = Style("mine", "{prompt} at night")
    studio.styles.save(mine)
    other = open_studio(studio.home)
    try:
        other.styles.save(Style("renamed", "x"), seen=mine)
        with pytest.raises(BadInput, match="changed or deleted elsewhere"):
            studio.styles.save(Style("mine", "y"), seen=mine)
        with pytest.raises(BadInput, match="already"):
            studio.styles.save(Style("RENAMED", "y"))
        assert [style for style in studio.styles.all() if style.name in ("mine", "renamed")] == [Style("renamed", "x")]
    finally:
        other.close()


def test_saves_from_many_threads_lose_none(studio):
    def save(number: int) -> None:
        studio.styles.save(Style(f"style {number}", "x"))
        studio.database.release()

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"style {number}" for number in range(8)} <= {style.name for style in studio.styles.all()}


def test_a_table_comes_in_once_and_overwrites_none(studio):
    data = b"name,prompt,negative_prompt\nmine,a {prompt},\nLine art,another,\n,x,\n"
    added, left = studio.styles.bring(data)
    assert added == ["mine", "Line art 2"] and left == ["Line 4: A style needs a name, such as: oil painting."]
    assert studio.styles.bring(data)[0] == [] and studio.styles.bring(studio.styles.table().encode())[0] == []
    for bad in (b"\xff", b"hello", b"x" * 4_000_001):
        with pytest.raises(BadInput):
            studio.styles.bring(bad)


# --- what a prompt becomes ----------------------------------------------------------------------------------------------


def test_a_queued_recipe_needs_no_file_no_style_and_no_table(animals):
    bring(animals)
    animals.styles.save(Style("mine", "{prompt} at night", "__animals__"))
    recipe = Recipe("a __animals__ <lora:Sparkle:0.5>", seed=4, count=4)
    job = animals.paint(recipe, styles=["mine"])
    made = Recipe.from_dict(job.payload["recipe"])
    assert (
        made.loras == (Lora("sparkle", 0.5),) and "__" not in made.prompt + made.negative and "lora" not in made.prompt
    )
    assert job.payload["typed"] == {"prompt": recipe.prompt, "negative": "", "styles": ["mine"]}
    alone = [
        Recipe.from_dict(animals.paint(recipe.with_seed(seed), styles=["mine"]).payload["recipe"])
        for seed in range(4, 8)
    ]
    assert pictures(made) == [pictures(one)[0] for one in alone] and len({one.prompt for one in pictures(made)}) > 1
    animals.wildcards.remove("animals")
    animals.styles.remove("mine")
    assert animals.again(job.id).payload["recipe"] == job.payload["recipe"]
    assert "typed" not in animals.paint(Recipe("a star")).payload


def test_the_tag_wins_over_the_form_and_unknown_ones_are_said(studio):
    with pytest.raises(
        BadInput, match=r"no LoRA ink on the shelf\. These fit Storybook: storybook-kite, storybook-sketch\."
    ):
        studio.paint(Recipe("a star <lora:ink:1>"))
    bring(studio)
    made = studio.worded(
        Recipe("a star <lora:sparkle:0.2> <lora:SPARKLE.safetensors:-0.3>", loras=(Lora("sparkle", 1.0),))
    ).recipe
    assert made.loras == (Lora("sparkle", -0.3),) and made.prompt == "a star"
    studio.wildcards.save("worn", "<lora:sparkle:0.5>")
    with pytest.raises(
        BadInput,
        match=r"no LoRA sparkel on the shelf\. Did you mean sparkle\? These fit Storybook: .*, sparkle\.",
    ):
        studio.paint(Recipe("a star <lora:sparkel:1>"))
    for prompt, said in (
        ("<lora:sparkle:1>", "nothing beside the LoRA"),
        ("__worn__", "nothing beside the LoRA"),
        ("a star <lora:sparkle:9>", "between -2 and 2"),
        ("a star <lora:sparkle:loud>", "no number"),
    ):
        with pytest.raises(BadInput, match=said):
            studio.paint(Recipe(prompt))
    with pytest.raises(BadInput, match="in the prompt alone"):
        studio.paint(Recipe("a star", negative="<lora:sparkle:1>"))
    assert find_lora(studio.shelf, "Sparkle") == "sparkle" and find_lora(studio.shelf, "storybook") is None


def test_lines_too_long_for_a_recipe_are_a_sentence(studio):
    studio.wildcards.save("long", "\n".join(f"{number} " + "word " * 300 for number in range(40)))
    with pytest.raises(BadInput, match="Paint fewer pictures"):
        studio.paint(Recipe("__long__", count=8))
    assert jobs(studio, "paint") == []
