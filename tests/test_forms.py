"""Fields to recipe and back, a view to a query: decisions of the pages, without Streamlit."""

import dataclasses

import pytest

from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput
from studio.domain.job import Job
from studio.domain.recipe import Recipe
from studio.domain.verdict import Verdict
from studio.packs.manifest import Manifest, read_manifest
from studio.packs.words import PromptReading
from studio.places import ASSETS
from studio.ui import browse, forms, reading, show, words
from studio.ui.browse import View

HOSTILE = '<img src=x onerror=alert(1)> **bold** [a](javascript:x) :material/home: $x$ "quoted" &amp;'


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(ASSETS / "packs" / "storybook.toml")


@pytest.fixture
def fields(manifest: Manifest) -> forms.Fields:
    return {**forms.defaults(manifest), "prompt": "a red star at night"}  # type: ignore[typeddict-item]


# --- the Create form ------------------------------------------------------------------------------------------------


def test_a_newcomer_begins_where_the_pack_says(manifest):
    fields = forms.defaults(manifest)
    assert (fields["steps"], fields["guidance"], fields["sampler"]) == (
        manifest.steps,
        manifest.guidance,
        manifest.sampler,
    )
    assert forms.size_of(fields["size"]) == manifest.size
    assert fields["prompt"] == "" and not fields["lock"]


def test_a_draft_comes_back_field_by_field(manifest, fields):
    fields |= {
        "negative": "a house",
        "count": 3,
        "steps": 7,
        "guidance": 2.5,
        "sampler": "euler",
        "hires": 1.5,
        "seed": "9",
        "lock": True,
    }
    fields["size"] = forms.size_name(*manifest.sizes[-1])
    assert forms.restore(dict(fields), manifest) == fields


def test_a_second_pass_is_in_the_recipe_and_comes_back_from_one(manifest, fields):
    recipe = forms.recipe_of(fields | {"prompt": "a star", "hires": 1.5}, seed=3)
    assert recipe.hires == 1.5 and forms.fields_of(recipe)["hires"] == 1.5
    assert forms.passes_offered(1.0) == [1.0, 1.5, 2.0, 4.0] and forms.passes_offered(1.7)[2] == 1.7
    assert [forms.pass_words(times) for times in (1.0, 1.5)] == ["None", "1.5× larger"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "huge"),
        ("size", 7),
        ("count", 99),
        ("count", True),
        ("steps", 0),
        ("guidance", "x"),
        ("sampler", "gone"),
        ("hires", 9),
        ("hires", "big"),
    ],
)
def test_a_draft_of_another_version_loses_only_what_cannot_be_used(manifest, fields, name, value):
    restored = forms.restore({**fields, name: value}, manifest)
    assert restored[name] == forms.defaults(manifest)[name]
    assert restored["prompt"] == fields["prompt"]


def test_the_numbers_of_another_pack_are_not_taken_over(manifest, fields):
    restored = forms.restore({**fields, "pack": "sd15", "steps": 50}, manifest)
    assert restored["steps"] == manifest.steps and restored["pack"] == manifest.id
    assert restored["prompt"] == fields["prompt"]


def test_no_draft_at_all(manifest):
    assert forms.restore(None, manifest)["prompt"] == ""


def test_a_form_and_its_recipe_say_the_same(fields, manifest):
    recipe = forms.recipe_of(fields, seed=5)
    assert recipe == Recipe(prompt=fields["prompt"], seed=5, guidance=manifest.guidance)
    back = forms.fields_of(recipe)
    assert back["lock"] and back["seed"] == "5"
    assert forms.recipe_of(back, seed=forms.seed_of(back["seed"])) == recipe


def test_a_recipe_from_elsewhere_keeps_its_size(manifest):
    fields = forms.fields_of(Recipe(prompt="x", width=512, height=768))
    assert forms.sizes_offered(manifest, fields["size"])[-1] == "512x768"
    assert forms.sizes_offered(manifest, "128x128") == [forms.size_name(*size) for size in manifest.sizes]


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "٣", "1e3", "9" * 30, str(2**64)])
def test_a_seed_that_is_no_seed_is_named(text):
    with pytest.raises(BadInput) as caught:
        forms.seed_of(text)
    assert caught.value.field == "seed"


@pytest.mark.parametrize(("text", "seed"), [("0", 0), (" 42 ", 42), ("1,000", 1000), (str(2**62), 2**62)])
def test_a_seed_as_people_type_it(text, seed):
    assert forms.seed_of(text) == seed


def test_an_empty_prompt_is_a_sentence_that_names_the_field(fields):
    with pytest.raises(BadInput) as caught:
        forms.recipe_of({**fields, "prompt": "  \n"}, seed=1)
    assert caught.value.field == "prompt"


@pytest.mark.parametrize("name", ["", "128", "128x", "x128", "-8x8", "1e3x8", "9" * 30 + "x8"])
def test_a_size_that_is_no_size_is_named(name):
    with pytest.raises(BadInput) as caught:
        forms.size_of(name)
    assert caught.value.field == "size"


def test_a_locked_seed_is_used_as_typed(fields):
    locked = {**fields, "lock": True, "seed": "77"}
    assert forms.seed_for(locked) == 77
    with pytest.raises(BadInput):
        forms.seed_for({**locked, "seed": "x"})


def test_an_unlocked_seed_is_rolled_and_the_field_may_hold_anything(fields):
    rolled = {forms.seed_for({**fields, "seed": "x"}) for _ in range(8)}
    assert len(rolled) > 1 and all(0 <= seed < forms.NEW_SEEDS for seed in rolled)


def test_the_button_says_what_it_will_do():
    assert [forms.paint_label(count) for count in (1, 4)] == ["Paint", "Paint 4"]


# --- the Gallery's view ---------------------------------------------------------------------------------------------


def test_a_view_survives_its_address():
    view = View(words="red -boat like:12", shelf="Favourites", tag="ada's cards", place=120)
    assert browse.read(browse.address(view)) == view


@pytest.mark.parametrize("address", [{"from": "-1"}, {"from": "x"}, {"shelf": "<b>"}, {"from": "9" * 40}])
def test_a_strange_address_is_everything_newest_first(address):
    assert browse.read(address) == View()


def test_words_minus_words_pictures_and_filters_reach_the_query():
    query = browse.query(
        View(
            words='star -house like:12 -"red box" seed:7',
            examples=(("a" * 64, 1.0),),
            shelf="Favourites",
            tag="x",
            place=60,
        )
    )
    assert dict(query.words)["star"] > 0 and dict(query.words)["house"] < 0
    assert query.exact == (("red box", False),) and [one.name for one in query.filters] == ["seed"]
    assert dict(query.like) == {"id:12": 1.0, "sha:" + "a" * 64: 1.0}
    assert (query.favourites, query.tag, query.offset, query.limit) == (True, "x", 60, browse.PAGE)


def test_without_words_the_table_answers():
    assert not browse.query(View()).by_meaning
    assert (
        browse.query(View(words="star", shelf="Bin")).binned
        and not browse.query(View(words="star", shelf="Bin")).by_meaning
    )


def test_a_new_wish_begins_at_the_first_page():
    assert browse.changed(View(words="a", place=60), words="b") == View(words="b")


def test_neighbours_in_the_order_last_shown():
    assert browse.neighbours([9, 4, 7], 4) == (9, 7)
    assert browse.neighbours([9, 4, 7], 9) == (None, 4)
    assert browse.neighbours([9], 3) == (None, None)


def test_which_tags_changed():
    assert browse.tag_changes(("a", "b"), ("b", "c")) == (["c"], ["a"])


# --- sentences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0, "about 1 s"),
        (4.2, "about 4 s"),
        (89, "about 89 s"),
        (180, "about 3 min"),
        (7_200, "about 2 h"),
        (4_500, "about 1 h 15 min"),
    ],
)
def test_forecasts(seconds, text):
    assert words.duration(seconds) == text


def test_measured_times_sizes_and_days():
    assert [words.took(seconds) for seconds in (None, 0.84, 12.2, 185)] == ["", "0.8 s", "12 s", "3 min 5 s"]
    assert [words.size(count) for count in (0, 41_200, 1_500_000, 37_000_000)] == [
        "0 bytes",
        "41 kB",
        "1.5 MB",
        "37 MB",
    ]
    assert [words.ago(1_000, now=now) for now in (990, 1_010, 1_300, 10_000)] == [
        "just now",
        "just now",
        "5 min ago",
        "2 h ago",
    ]


def test_a_search_is_told_as_it_was_typed():
    asked = {"words": [["red boat", 1.0], ["people", -0.6]]}
    assert words.about(Job(1, "find", "look", "done", asked)) == "red boat -people"
    assert words.about(Job(1, "find", "look", "done", {"like": [["id:3", 1.0]]})) == "like a picture"


def paint_job(**changes) -> Job:
    job = Job(id=3, kind="paint", lane="paint", state="running", payload={"recipe": Recipe(prompt=HOSTILE).to_dict()})
    return dataclasses.replace(job, **changes)


def test_how_a_job_goes_in_one_line():
    assert words.progress(paint_job(stage="painting"), left=4.1, ahead=0) == "Painting · about 4 s left"
    assert words.progress(paint_job(state="waiting"), left=None, ahead=2) == "Waiting, 2 ahead of it"
    assert words.progress(paint_job(cancel=True), left=9, ahead=0) == "Stopping"
    assert words.progress(paint_job(kind="find"), left=None, ahead=0) == "Searching"
    assert words.share(paint_job(done=5, total=20)) == 0.25
    assert words.share(paint_job()) == 0.0


def test_refused_broken_and_interrupted_have_words_of_their_own():
    verdict = Verdict(False, ("a skull sign",), -0.07, {}, "storybook")
    refused = paint_job(state="refused", result={"artworks": [], "refused": [verdict.to_dict()] * 2})
    assert "2 pictures were" in words.ending(refused)[1] and "No pixels" in words.ending(refused)[1]
    assert words.refusal(words.refused(refused)[0]) == "a skull sign (margin -0.07)"
    nan = words.ending(paint_job(state="failed", error="The model produced no numbers (NaN)."))
    assert "no numbers" in nan[0] and "safety" not in " ".join(nan)
    assert words.ending(paint_job(state="interrupted", error=""))[0] == "Interrupted"


def test_a_verdict_in_words():
    assert words.margin(Verdict(True, margin=0.123)) == "Checked · margin 0.12"
    assert words.margin(Verdict(True)) == "Checked"
    assert words.margin(Verdict(False)) == "Not checked"


def test_what_an_import_did():
    assert (
        words.imported({"imported": 1_200, "duplicates": 1, "skipped": [{}]})
        == "1,200 imported, 1 already here, 1 skipped."
    )


# --- other people's words are only ever text ------------------------------------------------------------------------


def markup(artwork_words: str) -> list[str]:
    artwork = Artwork(id=1, sha256="a" * 64, file="x.png", kind="painted", width=8, height=8, bytes=1, created_at=0)
    artwork = dataclasses.replace(artwork, caption=artwork_words)
    read = PromptReading(tokens=90, limit=77, seen="", unseen=artwork_words, unknown=(artwork_words,))
    return [show.picture_markup(artwork), reading.markup(read, pack=artwork_words, picks=[(artwork_words, 2)])]


def test_hostile_words_never_become_markup():
    for text in markup(HOSTILE):
        assert "<img src=x" not in text and "&lt;img src=x" in text
        assert '"quoted"' not in text and "&amp;amp;" in text


def test_the_reading_marks_what_the_model_will_not_see():
    text = reading.markup(
        PromptReading(tokens=80, limit=77, seen="a", unseen=" tail", unknown=("zebra",)),
        pack="P",
        known=frozenset({"fish"}),
    )
    assert (
        "80 of 77 tokens" in text
        and "P does not know <mark>zebra</mark>. Of animals it knows fish." in text
        and ">tail</mark>" in text
    )
    plain = reading.markup(PromptReading(tokens=14, limit=77, seen="a", unseen="", unknown=()), pack="P")
    assert "14 of 77 tokens" in plain and "<mark" not in plain
