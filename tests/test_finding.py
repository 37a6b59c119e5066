"""Filters and full text over real rows: what they let through, what the triggers keep, what no text can break."""

import random
import sqlite3
import time
from datetime import date, datetime

import hostile
import numpy as np
import pytest
from galleries import RECIPE, bring, changed, imported, painter

from studio import database as storage
from studio.database import Database
from studio.domain.artwork import Facts, Query
from studio.domain.errors import BadInput, StorageBroken
from studio.domain.recipe import Lora, Recipe
from studio.gallery.finding import words
from studio.gallery.finding.language import parse
from studio.gallery.search import search
from studio.gallery.vectors import Vectors

INJECTIONS = (
    '"',
    '""',
    "'",
    "';--",
    "* ^ +",
    "NEAR(a b)",
    "a AND",
    "OR",
    "NOT NOT",
    "prompt:x",
    "{prompt}: x",
    "a\0b",
    "\0",
    "(",
    ")",
    "x*",
    'a" OR "b',
    "-",
    "%",
    "_",
    "\\",
    "!?",
    "\u202e",
    "\ud800",
    "\U0001f58c",
    "𞤀𞤁",
    "a" * 900,
    "' OR 1=1 --",
    "李",
    "é" * 9,
)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def paint(gallery, gate):
    return painter(gallery, gate)


@pytest.fixture
def made(gallery):
    """Writes one row as told; its file does not matter here."""
    count = iter(range(1, 10**6))

    def make(**more):
        n = next(count)
        row = {
            "sha256": f"{n:064x}",
            "file": f"{n:064x}.png",
            "kind": "imported",
            "width": 512,
            "height": 512,
            "bytes": 1,
            "verdict": "{}",
            "created_at": 0.0,
            **more,
        }
        tags = row.pop("tags", ())
        marks = ", ".join("?" * len(row))
        with gallery.database.transaction() as connection:
            id = connection.execute(
                f"INSERT INTO artworks ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
            ).lastrowid
            connection.executemany("INSERT INTO tags VALUES (?, ?)", [(id, tag) for tag in tags])
        return id

    return make


@pytest.fixture
def found(gallery):
    """The numbers that a text finds by its filters, oldest first; page, count and ids agree."""

    def find(text):
        query = parse(text)
        page = [artwork.id for artwork in gallery.page(query)]
        assert gallery.count(query) == len(page) and gallery.ids(query) == set(page), text
        return sorted(page)

    return find


def held(gallery, id):
    return dict(gallery.database.one("SELECT * FROM words WHERE rowid = ?", id) or {})


def noon(*day):
    return datetime(*day, 12).timestamp()


# --- filters --------------------------------------------------------------------------------------------------------------


def test_facts_of_the_recipe_are_found(gallery, gate, found):
    recipe = Recipe("a star", negative="fog", seed=42, sampler="pndm", pack="sd15", loras=(Lora("ink", 0.5),))
    one = gallery.add(gate.picture(hostile.scene(1)), recipe)
    two = gallery.add(gate.picture(hostile.scene(2)), Recipe("a boat <lora:foam:1>", seed=2**62))
    assert (one.model, one.sampler, one.seed, one.negative, one.made_with) == ("sd15", "pndm", 42, "fog", "easel")
    for text, ids in {
        "seed:42": [one.id],
        "seed:43..": [two.id],
        "-seed:42": [two.id],
        "seed:42 seed:4611686018427387904": [one.id, two.id],
        "model:SD1": [one.id],
        "model:%": [],
        "pack:sd15": [one.id],
        "pack:sd1": [],
        "-pack:sd15": [two.id],
        "sampler:plms": [one.id],
        "sampler:PNDM": [one.id],
        'sampler:"DPM++ 2M"': [two.id],
        "lora:ink": [one.id],
        "lora:foam": [two.id],
        "lora:oam": [],
        "-lora:ink": [two.id],
        "from:easel": [one.id, two.id],
        "from:none": [],
        "has:recipe": [one.id, two.id],
        "-has:recipe": [],
        "seed:42 model:storybook": [],
    }.items():
        assert found(text) == ids, text


def test_what_a_file_says_is_kept_beside_what_the_recipe_says(gallery, gate, found):
    facts = Facts(
        made_with="comfy", model="Dream\ud800", seed=2**64 - 1, taken_at=5.0, metadata='"\ud800"', rating=9, remark="keep",
    )  # fmt: skip
    kept = imported(gallery, gate.picture(hostile.scene(1)), prompt="x", facts=facts)
    assert (kept.made_with, kept.model, kept.seed, kept.taken_at, kept.metadata, kept.rating, kept.remark) == (
        "comfy", "Dream?", None, 5.0, '"?"', 5, "keep",
    )  # fmt: skip
    ours = imported(gallery, gate.picture(hostile.scene(2)), RECIPE, facts=Facts(model="Story Book", seed=8))
    assert (ours.made_with, ours.model, ours.seed, ours.sampler) == ("", "Story Book", 8, RECIPE.sampler)
    again = bring(gallery, gate, gallery.path(gallery.add(gate.picture(hostile.scene(3)), RECIPE)).read_bytes())
    assert (
        again.made_with == "easel" and found("from:easel") == [again.id] and found("from:comfy rating:5") == [kept.id]
    )


def test_sizes_ratios_and_dates(made, found):
    wide = made(width=1344, height=768, created_at=noon(2026, 10, 3))
    tall = made(width=500, height=900, created_at=noon(2026, 11, 1), taken_at=noon(2019, 5, 5))
    square = made(width=512, height=510, created_at=datetime(2026, 10, 31, 23, 59, 59).timestamp())
    for text, ids in {
        "size:>=900": [wide, tall],
        "size:512": [square],
        "size:512x510": [square],
        "size:>=512x600": [wide],
        "size:..899": [square],
        "size:512x510 size:>1000": [wide, square],
        "-size:>=900": [square],
        "ratio:wide": [wide],
        "ratio:tall": [tall],
        "ratio:square": [square],
        "ratio:16:9": [wide],
        "-ratio:wide": [tall, square],
        "date:2026-10": [wide, square],
        "date:2026-10-03": [wide],
        "date:2019": [tall],
        "date:2026-10-04..": [square],
        "date:..2019-05-04": [],
        "date:2026-10 -date:2026-10-31": [wide],
        "date:2026-11": [],
    }.items():
        assert found(text) == ids, text


def test_today_is_a_day_of_this_clock(made, gallery):
    id = made(created_at=noon(2026, 3, 1))
    clause, values = words_where("date:yesterday", date(2026, 3, 2))
    assert [row[0] for row in gallery.database.read(f"SELECT id FROM artworks {clause}", *values)] == [id]
    clause, values = words_where("date:today", date(2026, 3, 2))
    assert gallery.database.read(f"SELECT id FROM artworks {clause}", *values) == []


def words_where(text, today):
    from studio.gallery.rows import where

    return where(parse(text), today=today)


def test_what_the_user_said_of_them(made, found, gallery):
    loved = made(favourite=1, rating=5, remark="for mother", tags=("night", "night sky"))
    hated = made(rating=-1, caption="two women on a bench", kind="map")
    gone = made(gone_at=1.0, place="/there/x.png", made_with="comfy", tags=("Person",))
    binned = made(deleted_at=1.0, kind="proposal", rating=5)
    waiting = made(kind="proposal")
    gallery.database.write("INSERT INTO collections (id, name, created_at) VALUES (1, 'My Boats', 0)")
    gallery.database.write("INSERT INTO collection_items (collection, artwork) VALUES (1, ?)", gone)
    for text, ids in {
        "": [loved, hated, gone],
        "is:favourite": [loved],
        "-is:favourite": [hated, gone],
        "rating:>=3": [loved],
        "rating:-1": [hated],
        "rating:0": [gone],
        "is:map": [hated],
        "-is:map": [loved, gone],
        "is:proposal": [waiting],
        "is:map is:proposal": [hated, waiting],
        "is:gone": [gone],
        "-is:gone": [loved, hated],
        "is:binned": [binned],
        "-is:binned": [loved, hated, gone],
        "is:favourite is:gone": [],
        "has:note": [loved],
        "has:caption": [hated],
        "has:people": [hated, gone],
        "-has:people": [loved],
        "has:note has:caption": [],
        "tag:NIGHT": [loved],
        'tag:"night sky" tag:person': [loved],
        "-tag:night": [hated, gone],
        "from:comfyui": [gone],
        "from:none": [loved, hated],
        "collection:'my": [],
        'collection:"my boats"': [gone],
        '-collection:"my boats"': [loved, hated],
        "is:imported rating:5": [loved],
        "rating:5 is:binned": [binned],
    }.items():
        assert found(text) == ids, text


def test_old_fields_and_new_filters_together(made, gallery):
    one, _ = made(favourite=1, tags=("a",), seed=1), made(favourite=1, tags=("a",), seed=2)
    query = Query(favourites=True, tag="A", filters=parse("seed:1").filters)
    assert [artwork.id for artwork in gallery.page(query)] == [one]


def test_what_is_counted_for_completions(made, gallery):
    for n in range(3):
        made(
            model="m",
            sampler="s" if n else "",
            made_with="comfy",
            tags=("a", "b")[: n + 1],
            deleted_at=1.0 if n == 2 else None,
        )
    made(recipe=Recipe("x", loras=(Lora("ink"),)).to_json())
    gallery.database.write("INSERT INTO collections (name, created_at) VALUES ('empty', 0)")
    assert gallery.vocabulary().counts == {
        "model": {"m": 2},
        "pack": {"storybook": 1},
        "sampler": {"s": 1},
        "from": {"comfy": 2},
        "tag": {"a": 2, "b": 1},
        "collection": {"empty": 0},
        "lora": {"ink": 1},
    }


# --- full text ------------------------------------------------------------------------------------------------------------


def test_the_triggers_follow_every_change(gallery, gate, paint, found):
    id = paint(1).id
    assert held(gallery, id) == {
        "prompt": RECIPE.prompt,
        "negative": "text",
        "caption": "",
        "remark": "",
        "tags": "",
        "name": "",
    }
    gallery.set_caption(id, "a Café by the sea", "you")
    changed(gallery, id, "tag", "night sky")
    changed(gallery, id, "tag", "blue")
    changed(gallery, id, "tag", "blue")
    assert held(gallery, id)["tags"] == "blue, night sky" and found('"cafe BY the"') == [id] == found('"night sky"')
    changed(gallery, id, "untag", "night sky")
    gallery.set_caption(id, "a lighthouse", "you")
    assert found('"night sky"') == found('"cafe"') == [] and found('"lighthouse"') == [id] == found('-"cafe"')
    gallery.delete(id)
    assert found('"lighthouse"') == [] and found('is:binned "lighthouse"') == [id]
    gallery.restore(id)
    assert found('"lighthouse" "red star"') == [id] and found('"star red"') == []
    assert found('"text"') == [], "what was not wanted is not what it shows"
    assert paint(1).id == id and gallery.database.one("SELECT count(*) FROM words")[0] == 1
    gallery.delete(id)
    gallery.empty_bin()
    assert gallery.database.one("SELECT count(*) FROM words")[0] == 0
    assert gallery.database.read("SELECT rowid FROM words WHERE words MATCH 'blue OR lighthouse'") == []


def test_a_file_is_found_by_its_name(gallery, gate, found):
    artwork = bring(gallery, gate, hostile.encode(hostile.scene()), "holiday_Sylt-2019.png")
    assert found('"sylt"') == [artwork.id] == found('"sylt 2019"') == found('"holiday_sylt"')


def test_triggers_keep_what_a_storm_of_changes_leaves(gallery, made):
    dice, alive = random.Random(3), []
    for _ in range(400):
        act = dice.randrange(6)
        if act == 0 or len(alive) < 3:
            alive.append(made(prompt=f"p{dice.randrange(9)}", tags=[f"t{n}" for n in range(dice.randrange(3))]))
            continue
        id = dice.choice(alive)
        if act == 1:
            changed(gallery, id, "tag", f"t{dice.randrange(5)}")
        elif act == 2:
            changed(gallery, id, "untag", f"t{dice.randrange(5)}")
        elif act == 3:
            gallery.set_caption(id, f"c{dice.randrange(9)}", "you")
        elif act == 4:
            gallery.database.write("UPDATE artworks SET remark = ?, prompt = prompt WHERE id = ?", f"r{act}", id)
        else:
            gallery.database.write("DELETE FROM artworks WHERE id = ?", id)
            alive.remove(id)
    fresh = gallery.database.read(
        "SELECT id, prompt, negative, caption, remark,"
        " coalesce((SELECT group_concat(tag, ', ') FROM tags WHERE artwork = id), ''), source_name FROM artworks ORDER BY id"
    )
    assert [tuple(row) for row in gallery.database.read("SELECT rowid, * FROM words ORDER BY rowid")] == list(
        map(tuple, fresh)
    )
    gallery.database.write("INSERT INTO words (words) VALUES ('integrity-check')")


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_no_text_is_an_operator(gallery, made, text):
    id = made(prompt="a red boat", caption=f"it says {text.encode('utf-8', 'replace').decode()} here")
    other = made(prompt="something else")
    exact = text.replace("\\", "\\\\").replace('"', '\\"')
    ids = gallery.ids(parse(f'"{exact}"'))
    if (
        text.replace("\0", " ").strip() and text != "𞤀𞤁"
    ):  # a script that is newer than SQLite's tables holds no word to it
        assert id in ids and other not in ids
    asked = words.expression([text, "boat"], [text + "never"])
    assert other not in words.rank(gallery.database, asked, clause="", values=(), limit=9)
    assert words.explain(gallery.database, asked, [id, other]).keys() <= {id}
    for filter in ("model", "pack", "lora", "sampler", "collection", "tag"):
        try:
            assert gallery.count(parse(f'{filter}:"{exact}"')) == 0
        except BadInput:
            assert len(text) > 64 or not text.replace("\0", " ").strip()


def test_words_are_ranked_and_explained(gallery, made):
    tagged = made(prompt="a ship", tags=("boat",))
    named = made(prompt="a long prompt of a harbour with one boat and very many other things in it " * 3)
    both = made(caption="boats at night", prompt="a boat at night")
    unwanted, other = made(negative="boat"), made(prompt="a house")
    asked = words.expression(["the boat at night"])
    everything = {"clause": "", "values": (), "limit": 9}
    ranked = words.rank(gallery.database, asked, **everything)
    assert ranked[0] == both and set(ranked) == {tagged, named, both}
    assert words.rank(gallery.database, asked, clause="WHERE id <> ?", values=(both,), limit=1) == [tagged]
    assert words.rank(gallery.database, words.expression(["boat"], ["night"]), **everything) == [tagged, named]
    why = words.explain(gallery.database, asked, [both, tagged, unwanted, other])
    assert set(why) == {both, tagged}
    assert dict(why[both].words) == {"prompt": ("boat", "night"), "caption": ("boats", "night")}
    assert dict(why[tagged].words) == {"tags": ("boat",)} and why[tagged].excerpt == "boat"
    assert words.expression(["the"]) and words.expression(["-", "!"]) == "" == words.expression([])


def test_a_text_cannot_pretend_to_be_the_mark_of_a_word(gallery, made):
    id = made(prompt="<<b>x</b>> boat \x02house\x03")
    why = words.explain(gallery.database, words.expression(["boat"]), [id])[id]
    assert dict(why.words) == {"prompt": ("boat",)}


# --- meaning and words ----------------------------------------------------------------------------------------------------


def test_meaning_and_words_are_fused_and_say_why(gallery, made, home):
    """Along the first axis lies what is asked for."""
    near, told, both, far = made(), made(caption="a red boat"), made(tags=("boat",)), made(prompt="a house")
    vectors = Vectors(database=gallery.database, folder=home / "index", model="m")
    vectors.add([near, told, both, far], [[1.0, 0.1], [0.1, 1.0], [0.9, 0.3], [-1.0, 0.2]])
    axis = np.array([1.0, 0.0], dtype=np.float32)

    def answer(text, **more):
        query = Query(filters=parse(text).filters, **more)
        return search(
            query, axis, vectors=vectors, gallery=gallery, allowed=gallery.ids(query), wished=more_words, without=()
        )

    more_words: list[str] = []
    assert [id for id, _ in answer("")] == [near, both, told, far]
    more_words = ["boat"]
    hits = answer("")
    assert [id for id, _ in hits] == [both, told, near, far] and hits == answer("")
    why = dict(hits)
    assert why[both].meaning == pytest.approx(0.9 / np.hypot(0.9, 0.3), abs=1e-3) and dict(why[both].words) == {
        "tags": ("boat",)
    }
    assert dict(why[told].words) == {"caption": ("boat",)} and why[near].words == () and why[far].meaning < 0
    assert [id for pages in (0, 1, 2, 3) for id, _ in answer("", limit=1, offset=pages)] == [both, told, near, far]
    assert [id for id, _ in answer("-tag:boat")] == [told, near, far]


def test_where_many_hold_every_word_those_that_hold_some_are_not_looked_for(gallery, made, home, monkeypatch):
    every = [made(prompt="a boat at night"), made(caption="boats", remark="the night")]
    some = made(tags=("boat",))
    vectors = Vectors(database=gallery.database, folder=home / "index", model="m")

    def found():
        told = search(
            Query(), None, vectors=vectors, gallery=gallery, allowed=gallery.allowed(Query()), wished=["boat night"]
        )
        return {id for id, _ in told}

    assert found() == {*every, some}
    monkeypatch.setattr("studio.gallery.search.ENOUGH", 2)
    assert found() == set(every)
    gallery.set_caption(some, "at night", "you")  # full text is kept no longer than it is true
    assert found() == {*every, some}
    gallery.delete(every[0])
    assert found() == {every[1], some}
    gallery.delete(some)
    assert found() == {every[1]}
    gallery.restore(some)
    gallery.set_caption(some, "a house", "you")
    assert found() == {every[1], some}


def test_what_was_never_embedded_is_still_found_by_its_words(gallery, made, home):
    seen, unseen = made(prompt="a house"), made(prompt="a boat")
    vectors = Vectors(database=gallery.database, folder=home / "index", model="m")
    vectors.add([seen], [[1.0, 0.0]])
    hits = search(
        Query(),
        np.array([1.0, 0.0], dtype=np.float32),
        vectors=vectors,
        gallery=gallery,
        allowed={seen, unseen},
        wished=["boat"],
    )
    assert {id: why.meaning for id, why in hits} == {seen: 1.0, unseen: None}


# --- the table itself -----------------------------------------------------------------------------------------------------


def test_an_older_gallery_gets_its_facts_and_its_words(tmp_path, monkeypatch):
    whole = storage.MIGRATIONS
    monkeypatch.setattr(storage, "MIGRATIONS", whole[: [name for name, _ in whole].index("library")])
    old = Database(tmp_path / "easel.db")
    rows = [
        (
            "a",
            "painted",
            Recipe("a red boat", negative="fog", seed=5, sampler="lcm", pack="sd15").to_json(),
            "a red boat",
        ),
        ("b", "imported", None, "from elsewhere"),
        ("c", "imported", "{broken", "odd"),
        ("d", "imported", '[{"seed": 3}]', "list"),
        ("e", "painted", '{"version": 9, "seed": "x", "sampler": null}', "newer"),
        ("f", "map", None, ""),
    ]
    for sha, kind, recipe, prompt in rows:
        old.write(
            "INSERT INTO artworks (sha256, file, kind, width, height, bytes, recipe, verdict, prompt, created_at)"
            " VALUES (?, ?, ?, 8, 8, 1, ?, '{}', ?, 0)",
            sha,
            f"{sha}.png",
            kind,
            recipe,
            prompt,
        )
    old.write("INSERT INTO tags VALUES (2, 'night')")
    old.close()
    monkeypatch.setattr(storage, "MIGRATIONS", whole)
    database = Database(tmp_path / "easel.db")
    facts = database.read("SELECT model, pack, sampler, seed, negative, made_with, rating FROM artworks ORDER BY id")
    assert [tuple(row) for row in facts] == [
        ("sd15", "sd15", "lcm", 5, "fog", "easel", 0),
        ("", None, "", None, "", "", 0),
        ("", None, "", None, "", "", 0),
        ("", None, "", None, "", "", 0),
        ("", None, "", None, "", "easel", 0),
        ("", None, "", None, "", "easel", 0),
    ]
    assert [row[0] for row in database.read("SELECT rowid FROM words WHERE words MATCH 'boat OR night'")] == [1, 2]
    assert database.problems() == []
    database.close()


def test_a_python_whose_sqlite_cannot_search_text_says_so(tmp_path, monkeypatch):
    lacking = [
        (name, script.replace("USING fts5", "USING fts_that_is_not_there")) for name, script in storage.MIGRATIONS
    ]
    whole = storage.MIGRATIONS
    monkeypatch.setattr(storage, "MIGRATIONS", tuple(lacking))
    with pytest.raises(StorageBroken, match="FTS5"):
        Database(tmp_path / "easel.db")
    monkeypatch.setattr(storage, "MIGRATIONS", whole)
    Database(tmp_path / "easel.db").close()


def test_ten_thousand_are_searched_quickly(gallery):
    nouns = ["boat", "house", "tree", "star", "sea", "bird", "cloud", "lamp"]
    with gallery.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO artworks"
            " (sha256, file, kind, width, height, bytes, verdict, created_at, prompt, caption, seed, rating)"
            " VALUES (?, ?, 'painted', ?, 512, 1, '{}', ?, ?, ?, ?, ?)",
            [
                (
                    f"{n:064x}",
                    f"{n:064x}.png",
                    512 + n % 3 * 256,
                    n * 3_600.0,
                    f"a {nouns[n % 8]} number {n}",
                    nouns[n % 7],
                    n,
                    n % 6,
                )
                for n in range(10_000)
            ],
        )
    began = time.process_time()
    query = parse('"boat" -"star" rating:>=3 ratio:wide date:1970-03.. -seed:100..200')
    ids = gallery.ids(query)
    asked = words.expression(["boat on the sea"])
    ranked = words.rank(gallery.database, asked, clause="WHERE rating >= ?", values=(3,), limit=1_000)
    why = words.explain(gallery.database, asked, ranked[:60])
    assert ids and len(ranked) == 1_000 and len(why) == 60
    assert time.process_time() - began < 2.0  # 0.2 s


def test_the_table_is_sqlites_own():
    assert "fts5" in {row[0] for row in sqlite3.connect(":memory:").execute("SELECT name FROM pragma_module_list")}
