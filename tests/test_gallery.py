"""The gallery: pictures come in, are found, changed and binned, rows and files in step."""

import json
import subprocess
import sys
from pathlib import Path

import hostile
import numpy as np
import pytest
from galleries import RECIPE, bring, changed, everything, imported, painter
from PIL import Image

from studio.database import Database
from studio.domain.artwork import Query, Relative
from studio.domain.control import Control
from studio.domain.errors import BadInput, Refused
from studio.domain.recipe import Recipe
from studio.gallery.files import Files
from studio.gallery.gallery import Gallery
from studio.gallery.metadata import read_recipe
from studio.gallery.space import embeddings
from studio.gallery.vectors import Vectors
from studio.safety.intake import XMP_KEY, open_picture, sha256
from studio.safety.provenance import EDITED, GENERATED, read_source_type, xmp_packet

ROOT = Path(__file__).parent.parent
DAY = 86_400.0


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def gallery(tmp_path):
    database = Database(tmp_path / "easel.db")
    yield Gallery(database=database, files=Files(tmp_path))
    database.close()


@pytest.fixture
def paint(gallery, gate):
    return painter(gallery, gate)


# --- coming in ------------------------------------------------------------------------------------------------------------


def test_a_painted_picture_is_kept_with_all_that_made_it(gallery, gate):
    cleared = gate.picture(hostile.scene())
    artwork = gallery.add(cleared, RECIPE, job=3, parents=["ab" * 32], record={"pack_name": "Storybook"})
    assert gallery.get(artwork.id) == artwork == gallery.by_sha(artwork.sha256)
    assert (artwork.recipe, artwork.prompt, artwork.kind, artwork.job) == (RECIPE, RECIPE.prompt, "painted", 3)
    assert artwork.verdict == cleared.verdict and artwork.verdict.allowed
    assert artwork.parents == ("ab" * 32,)
    data = gallery.path(artwork).read_bytes()
    assert (sha256(data), len(data)) == (artwork.sha256, artwork.bytes)
    intake = open_picture(data)
    assert intake.picture.tobytes() == hostile.scene().tobytes() and read_recipe(intake)[0] == RECIPE
    assert read_source_type(intake.text[XMP_KEY]) == GENERATED
    body = json.loads(intake.text["easel"])
    assert body["record"] == {"pack_name": "Storybook"} and body["verdict"] == cleared.verdict.to_dict()
    with Image.open(gallery.files.thumb_path(artwork.sha256)) as thumb:
        assert thumb.size == (24, 16)
    assert gallery.check() == []


def test_an_edited_picture_says_that_it_is_one(gallery, gate):
    recipe = Recipe("a star", task="vary", source="ab" * 32)
    artwork = gallery.add(gate.picture(hostile.scene()), recipe)
    assert read_source_type(open_picture(gallery.path(artwork).read_bytes()).text[XMP_KEY]) == EDITED


def test_the_same_picture_twice_is_one_artwork(gallery, paint):
    first = paint(1)
    changed(gallery, first.id, "tag", "mine")
    assert paint(1).id == first.id and paint(1).tags == ("mine",)
    assert gallery.count(Query()) == 1 and len(gallery.files.stored()) == 1


def test_a_picture_painted_again_comes_out_of_the_bin(gallery, paint):
    first = paint(1)
    gallery.delete(first.id)
    assert paint(1).id == first.id and gallery.get(first.id).deleted_at is None
    assert gallery.files.stored(binned=True) == [] and gallery.check() == []


def test_what_the_gate_refuses_leaves_no_trace(gallery, gate, tmp_path):
    magenta = Image.new("RGB", (16, 16), "magenta")
    with pytest.raises(Refused):
        gate.picture(magenta)
    for thing in (magenta, hostile.scene(), hostile.encode(magenta)):
        with pytest.raises(TypeError, match="cleared"):
            gallery.add(thing, RECIPE)
    assert everything(tmp_path) == [] and gallery.count(Query()) == 0


def test_an_unknown_kind_is_refused(gallery, gate, tmp_path):
    with pytest.raises(BadInput, match="no kind of artwork"):
        gallery.add(gate.picture(hostile.scene()), kind="stolen")
    assert everything(tmp_path) == []


def test_an_imported_file_is_kept_and_known_again(gallery, gate):
    data = hostile.with_text(
        hostile.scene(), parameters="a ship\nSteps: 9, Sampler: Odd, CFG scale: 1, Seed: 1, Size: 64x64, Model: x"
    )
    assert gallery.has_source(sha256(data)) is None
    artwork = bring(gallery, gate, data, "../../ship.png")
    assert (artwork.kind, artwork.recipe, artwork.prompt, artwork.source_name) == (
        "imported",
        None,
        "a ship",
        "ship.png",
    )
    assert gallery.path(artwork).read_bytes() == data
    assert gallery.has_source(sha256(data)) == artwork.id
    gallery.delete(artwork.id)
    assert gallery.has_source(sha256(data)) is None


def test_a_file_that_is_written_anew_is_known_by_what_it_was(gallery, gate):
    for data in (hostile.animated("GIF"), hostile.with_gps("WEBP"), hostile.encode(hostile.scene(5), "TIFF")):
        artwork = bring(gallery, gate, data)
        assert artwork.sha256 != sha256(data) and artwork.file.endswith(".png")
        assert gallery.has_source(sha256(data)) == artwork.id
        assert bring(gallery, gate, data).id == artwork.id
    notes = [artwork.note for artwork in gallery.page(Query(kind="imported"))]
    assert notes == ["converted from TIFF", "", "first frame of 3"]


def test_text_and_source_type_survive_being_written_anew_and_the_place_does_not(gallery, gate):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0)})
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a ship"
    data = hostile.encode(hostile.scene(), "WEBP", exif=exif, xmp=xmp_packet(GENERATED))
    artwork = bring(gallery, gate, data)
    stored = gallery.path(artwork).read_bytes()
    text = open_picture(stored).text
    assert text["UserComment"] == "a ship" and read_source_type(text[XMP_KEY]) == GENERATED
    assert open_picture(stored).keep  # nothing private in it


@pytest.mark.parametrize("name", hostile.NAMES)
def test_hostile_names_are_only_text(gallery, gate, name, tmp_path):
    artwork = bring(gallery, gate, hostile.encode(hostile.scene()), name)
    assert gallery.get(artwork.id).source_name == artwork.source_name
    assert everything(tmp_path) == [f"pictures/{artwork.sha256}.png", f"thumbs/{artwork.sha256}.jpg"]


@pytest.mark.parametrize("prompt", hostile.PROMPTS, ids=range(len(hostile.PROMPTS)))
def test_every_prompt_comes_back_exactly_from_the_table(gallery, gate, prompt):
    artwork = gallery.add(gate.picture(hostile.scene()), Recipe(prompt, negative=prompt))
    read = gallery.get(artwork.id)
    assert read.prompt == prompt and read.recipe == Recipe(prompt, negative=prompt)


def test_a_prompt_of_broken_characters_is_kept_as_well_as_it_can(gallery, gate):
    artwork = imported(gallery, gate.picture(hostile.scene()), prompt="a \ud800 b")
    assert gallery.get(artwork.id).prompt == "a ? b"


# --- reading --------------------------------------------------------------------------------------------------------------


def test_filters_and_pages(gallery, gate, paint):
    made = [paint(seed).id for seed in range(6)]
    imported = bring(gallery, gate, hostile.encode(hostile.scene(100))).id
    changed(gallery, made[1], "favourite", True)
    changed(gallery, made[2], "tag", "Night  Sky")
    changed(gallery, imported, "tag", "night sky")
    gallery.delete(made[5])

    def shown(**filters):
        query = Query(**filters)
        page = [artwork.id for artwork in gallery.page(query)]
        assert gallery.count(query) == len(page) and gallery.ids(query) == set(page)
        return page

    assert shown() == [imported, *reversed(made[:5])]
    assert shown(favourites=True) == [made[1]]
    assert shown(tag="NIGHT sky") == [imported, made[2]]
    assert shown(tag="night sky", kind="painted") == [made[2]]
    assert shown(kind="imported") == [imported]
    assert shown(binned=True) == [made[5]]
    assert shown(tag="' OR 1=1 --") == []
    assert [artwork.id for artwork in gallery.page(Query(limit=2, offset=3))] == [made[2], made[1]]
    assert list(gallery.many([made[3], 10**9, imported])) == [made[3], imported]
    with pytest.raises(BadInput, match="no artwork 1000000000"):
        gallery.get(10**9)


@pytest.fixture
def many(gallery):
    """Ten thousand rows, every tenth with two tags; their files do not matter here."""
    recipe = RECIPE.with_seed(123_456_789).to_json()  # one is enough: making 10,000 takes longer than storing them
    with gallery.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO artworks (sha256, file, kind, width, height, bytes, recipe, verdict, created_at)"
            " VALUES (?, ?, 'painted', 1, 1, 1, ?, '{}', 0)",
            [(f"{n:064x}", f"{n:064x}.png", recipe.replace("123456789", str(n))) for n in range(1, 10_001)],
        )
        connection.executemany(
            "INSERT INTO tags (artwork, tag) VALUES (?, ?)",
            [(n, tag) for n in range(10, 10_001, 10) for tag in ("a", "b")],
        )
    return gallery


def test_a_page_of_ten_thousand_takes_two_queries_and_an_index(many):
    asked: list[str] = []
    many.database._connection().set_trace_callback(asked.append)
    page = many.page(Query(limit=60, offset=5_000))
    many.database._connection().set_trace_callback(None)
    assert [artwork.id for artwork in page] == list(range(5_000, 4_940, -1))
    assert page[0].tags == ("a", "b") and page[1].tags == ()
    assert page[0].recipe == RECIPE.with_seed(5_000)
    assert len(asked) == 2
    plan = " ".join(row["detail"] for row in many.database.read(f"EXPLAIN QUERY PLAN {asked[0]}"))
    assert "USING INDEX artworks_shown" in plan and "TEMP B-TREE" not in plan
    assert many.count(Query(tag="a")) == 1_000 and len(many.ids(Query())) == 10_000


def test_a_recipe_of_another_version_leaves_the_picture_readable(gallery, paint):
    artwork = paint(1)
    gallery.database.write("UPDATE artworks SET recipe = ? WHERE id = ?", '{"version": 99, "prompt": "x"}', artwork.id)
    read = gallery.get(artwork.id)
    assert read.recipe is None and read.prompt == RECIPE.prompt


def test_parents_and_children(gallery, paint):
    first = paint(1)
    second = paint(2, parents=[first.sha256, "00" * 32])
    assert gallery.parents(second.id) == [
        Relative("made from", "00" * 32, None), Relative("made from", first.sha256, first),
    ]  # fmt: skip
    assert gallery.children(first.id) == [Relative("made from", second.sha256, second)]
    assert gallery.parents(first.id) == gallery.children(second.id) == []


def test_what_a_recipe_uses_are_the_parents_in_row_and_file(gallery, gate, paint):
    source, pose = paint(1), paint(2)
    recipe = Recipe("x", task="vary", source=source.sha256, controls=(Control("pose", pose.sha256),))
    artwork = gallery.add(gate.picture(hostile.scene(3)), recipe)
    assert artwork.parents == (source.sha256, pose.sha256)
    assert gallery.children(pose.id) == [Relative("pose", artwork.sha256, artwork)]
    assert gallery.parents(artwork.id) == [
        Relative("pose", pose.sha256, pose),
        Relative("source", source.sha256, source),
    ]
    body = json.loads(open_picture(gallery.path(artwork).read_bytes()).text["easel"])
    assert body["parents"] == [source.sha256, pose.sha256]


def test_a_deleted_thumbnail_is_made_again_from_the_picture_that_was_checked(gallery, paint):
    artwork = paint(1)
    thumb = gallery.thumb(artwork)
    before = thumb.read_bytes()
    thumb.unlink()
    assert gallery.thumb(artwork) == thumb and thumb.read_bytes() == before
    gallery.delete(artwork.id)
    thumb.unlink()
    assert gallery.thumb(gallery.get(artwork.id)).read_bytes() == before
    gallery.restore(artwork.id)
    thumb.unlink()
    gallery.path(artwork).write_bytes(hostile.encode(Image.new("RGB", (24, 16), "magenta")))
    with pytest.raises(BadInput, match="gone or damaged"):
        gallery.thumb(artwork)
    assert not thumb.exists()


def test_the_pictures_that_a_recipe_names_are_found_by_hash_and_verified(gallery, paint):
    source, pose = paint(1), paint(2)
    recipe = Recipe("x", task="vary", source=source.sha256, controls=(Control("pose", pose.sha256),))
    found = gallery.inputs(recipe)
    assert {sha: picture.tobytes() for sha, picture in found.items()} == {
        source.sha256: hostile.scene(1).tobytes(),
        pose.sha256: hostile.scene(2).tobytes(),
    }
    assert gallery.inputs(RECIPE) == {}
    path = gallery.path(pose)
    path.write_bytes(hostile.encode(Image.new("RGB", (24, 16), "magenta")))  # changed behind the gate's back
    with pytest.raises(BadInput, match="pose map is gone or was changed"):
        gallery.inputs(recipe)
    path.unlink()
    with pytest.raises(BadInput):
        gallery.inputs(recipe)
    with pytest.raises(BadInput):
        gallery.inputs(Recipe("x", task="vary", source="00" * 32))


# --- changing -------------------------------------------------------------------------------------------------------------


def test_captions_tags_and_favourites(gallery, paint):
    id = paint(1).id
    gallery.set_caption(id, "  a red <b>star</b> ", "you")
    changed(gallery, id, "tag", "  Red   STAR ")
    changed(gallery, id, "tag", "red star")
    changed(gallery, id, "tag", "night")
    changed(gallery, id, "favourite", True)
    read = gallery.get(id)
    assert (read.caption, read.caption_by, read.favourite) == ("a red <b>star</b>", "you", True)
    assert read.tags == ("night", "red star") and read.alt == "a red <b>star</b>"
    changed(gallery, id, "untag", "NIGHT")
    changed(gallery, id, "untag", "never there")
    changed(gallery, id, "favourite", False)
    assert gallery.get(id).tags == ("red star",) and not gallery.get(id).favourite
    changed(gallery, paint(2).id, "tag", "red star")
    changed(gallery, paint(3).id, "tag", "zebra")
    assert gallery.tags() == {"red star": 2, "zebra": 1}


def test_bad_changes_are_refused_in_words(gallery, paint):
    id = paint(1).id
    for change in (
        lambda: changed(gallery, id, "tag", " \n "),
        lambda: changed(gallery, id, "tag", "x" * 65),
        lambda: gallery.set_caption(id, "x" * 2_001, "you"),
        lambda: changed(gallery, 99, "tag", "x"),
        lambda: gallery.set_caption(99, "x", "you"),
        lambda: changed(gallery, 99, "favourite", True),
        lambda: gallery.delete(99),
        lambda: gallery.restore(99),
    ):
        with pytest.raises(BadInput):
            change()
    assert gallery.get(id).tags == () and gallery.get(id).caption == ""


def test_the_bin_gives_back_everything_and_empties_by_age(gallery, paint):
    old, young = paint(1), paint(2)
    changed(gallery, old.id, "tag", "mine")
    embeddings.store(gallery.database, "m", [old.id], [np.ones(4)])
    gallery.delete(old.id)
    gallery.delete(old.id)
    assert gallery.path(gallery.get(old.id)).exists() and gallery.check() == []
    gallery.restore(old.id)
    assert gallery.get(old.id) == gallery.many([old.id])[old.id] and gallery.get(old.id).tags == ("mine",)
    for artwork in (old, young):
        gallery.delete(artwork.id)
    gallery.database.write("UPDATE artworks SET deleted_at = deleted_at - ? WHERE id = ?", 40 * DAY, old.id)
    assert gallery.empty_bin(older_than=30 * DAY) == 1
    assert gallery.by_sha(old.sha256) is None and gallery.by_sha(young.sha256) is not None
    assert gallery.database.read("SELECT * FROM embeddings") == [] and gallery.database.read("SELECT * FROM tags") == []
    assert everything(gallery.files.home) == [f"bin/{young.file}", f"thumbs/{young.sha256}.jpg"]
    assert gallery.empty_bin() == 1 and everything(gallery.files.home) == []


# --- vectors ------------------------------------------------------------------------------------------------------------


def test_pictures_without_a_vector_are_told(gallery, paint):
    one, two, three = paint(1), paint(2), paint(3)
    embeddings.store(gallery.database, "m", [two.id], [np.ones(4)])
    gallery.delete(three.id)
    assert embeddings.missing(gallery.database, "m") == [one.id]
    assert embeddings.missing(gallery.database, "another") == [two.id, one.id]
    vectors = Vectors(database=gallery.database, folder=gallery.files.home / "index", model="m")
    assert vectors.search(np.ones(4), limit=5) == [(two.id, pytest.approx(1.0))]


def test_the_front_can_open_a_gallery_without_faiss_torch_or_numpy():
    program = "import sys, studio.gallery.gallery; print({'faiss', 'torch', 'numpy'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
