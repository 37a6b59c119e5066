"""How pictures look without a model: colours, likeness, and a search that is exact whatever came in meanwhile."""

import numpy as np
import pytest
from alike import cropped, flat, halves, recompressed, scene, smaller
from galleries import imported
from PIL import Image

from studio.domain.colours import COLOURS
from studio.domain.query import Filter, Query
from studio.gallery.gallery import Gallery
from studio.gallery.likeness import appearance, looks, palette


def vector(picture):
    return appearance.read(appearance.of(picture).data)[1]


def bits(one, other):
    hashes = [appearance.read(appearance.of(picture).data)[0] for picture in (one, other)]
    return (hashes[0] ^ hashes[1]).bit_count()


@pytest.mark.parametrize("name", COLOURS)
def test_a_colour_is_called_by_its_name_and_found_by_it(name):
    value = COLOURS[name]
    assert palette.name_of(palette.oklab(value)) == name
    colours = appearance.of(flat(value)).colours
    assert colours & palette.mask(name) and colours & palette.mask(value)
    others = [other for other in COLOURS if other != name and colours & palette.mask(other)]
    assert len(others) <= 1, others  # dark red may be called brown, but nothing is called by three names


def test_the_square_of_pixels_and_the_single_colour_fall_into_the_same_bin():
    dice = np.random.default_rng(3)
    for red, green, blue in dice.integers(0, 256, (200, 3)):
        colours = appearance.of(flat((int(red), int(green), int(blue)), (8, 8))).colours
        assert colours == 1 << palette.bin_of(palette.oklab(f"#{red:02x}{green:02x}{blue:02x}"))


def test_a_look_has_length_one_and_survives_its_bytes():
    data = appearance.of(scene(1)).data
    found = appearance.read(data)
    assert data[0] == appearance.VERSION and found[1].shape == (appearance.LENGTH,)
    assert np.linalg.norm(found[1]) == pytest.approx(1, abs=2e-3)
    assert appearance.read(bytes([appearance.VERSION + 1]) + data[1:]) is None and appearance.read(data[:-2]) is None


@pytest.mark.parametrize(
    "copy",
    [smaller, recompressed, cropped, lambda one: recompressed(smaller(one, 0.4), 50, "WEBP")],
    ids=["smaller", "recompressed", "cropped", "both"],
)
def test_a_copy_looks_more_like_its_picture_than_any_other_does(copy):
    drawn = [scene(seed) for seed in range(12)]
    held = np.stack([vector(picture) for picture in drawn])
    for place in (0, 5, 11):
        scores = held @ vector(copy(drawn[place]))
        assert scores.argmax() == place and np.sort(scores)[-2] < scores[place] - 0.01


def test_the_hash_stays_where_the_pixels_hardly_change():
    assert all(bits(scene(seed), smaller(scene(seed))) <= 6 for seed in range(6))
    assert all(bits(scene(seed), scene(seed + 1)) >= 12 for seed in range(6))


@pytest.mark.parametrize("mode", ["RGBA", "L", "LA", "P", "1", "I;16", "CMYK"])
def test_any_mode_and_shape_has_a_look(mode):
    picture = Image.new(mode, (1, 300)) if mode == "I;16" else scene(2).convert(mode)
    assert np.isfinite(vector(picture)).all()


def test_what_is_transparent_lies_on_white():
    assert appearance.of(Image.new("RGBA", (50, 50), (255, 0, 0, 0))).colours == appearance.of(flat("white")).colours


@pytest.fixture
def hung(gallery, gate):
    """Adds a picture; returns its number."""
    return lambda picture, **more: imported(gallery, gate.picture(picture), **more).id


def test_a_look_is_kept_when_a_picture_comes_in_and_found_by_colour(gallery, hung):
    red = hung(flat("#d02828"))
    half = hung(halves("#d02828", "#2f62c9"))
    blue = hung(flat("#2f62c9"))

    def found(*filters):
        return [art.id for art in gallery.page(Query(filters=filters))]

    assert looks.missing(gallery.database) == []
    assert found(Filter("colour", "red")) == [red, half]  # who has most of it comes first
    assert found(Filter("colour", "#2f62c9")) == [blue, half]
    assert found(Filter("colour", "red"), Filter("colour", "blue"))[0] == half
    assert found(Filter("colour", "red", False)) == [blue]
    assert gallery.count(Query(filters=(Filter("colour", "red"),))) == 2


def test_a_search_by_look_sees_at_once_what_comes_and_goes(gallery, hung):
    first = hung(scene(1))
    query = Query(like=((f"id:{first}", 1.0),), by=("look",))
    assert [art.id for art in gallery.page(query)] == [first]
    copy, other = hung(smaller(scene(1))), hung(scene(2))
    assert [art.id for art in gallery.page(query)] == [first, copy, other]
    gallery.delete(copy)
    assert [art.id for art in gallery.page(query)] == [first, other] and gallery.count(query) == 2
    gallery.restore(copy)
    with gallery.database.transaction() as connection:  # made anew as another one: it takes the place of its own
        looks.put(connection, copy, appearance.of(scene(9)))
    again = Gallery(database=gallery.database, files=gallery.files)
    assert {art.id for art in gallery.page(query)} == {first, copy, other} and gallery.page(query) == again.page(query)
    assert len(gallery.looks.all()[0]) == 3


def test_what_comes_after_the_newest_was_deleted_for_good_is_found(gallery, hung):
    first, newest = hung(scene(1)), hung(scene(2))
    query = Query(like=((f"id:{first}", 1.0),), by=("look",))
    assert [art.id for art in gallery.page(query)] == [first, newest]
    gallery.database.write("DELETE FROM artworks WHERE id = ?", newest)
    copy = hung(smaller(scene(1)))
    assert [art.id for art in gallery.page(query)] == [first, copy]


def test_looks_of_another_version_are_made_anew(gallery, hung):
    id = hung(scene(1))
    gallery.database.write(
        "UPDATE artworks SET look = CAST(? || substr(look, 2) AS BLOB)", bytes([appearance.VERSION + 1])
    )
    assert looks.load(gallery.database, id) is None and len(gallery.looks.all()[0]) == 0
    assert looks.forget_old(gallery.database) == 1 and looks.missing(gallery.database) == [id]


def test_the_best_are_exact_and_in_order_among_ten_thousand(database):
    dice = np.random.default_rng(5)
    held = dice.random((10_000, appearance.LENGTH), dtype=np.float32)
    held /= np.linalg.norm(held, axis=1, keepdims=True)
    rows = [
        (f"{number:064x}", bytes([appearance.VERSION]) + bytes(8) + one.astype("<f2").tobytes(), number + 1)
        for number, one in enumerate(held)
    ]
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO artworks (sha256, file, kind, width, height, bytes, verdict, created_at, look, looked)"
            " VALUES (?, '', 'imported', 1, 1, 1, '{}', 0, ?, ?)",
            rows,
        )
        connection.execute("UPDATE looks_counter SET looked = ?", (len(rows),))
    index = looks.Looks(database)
    ids, _, matrix = index.all()
    order = sorted(range(10_000), key=lambda place: (-float(matrix[place] @ held[7]), -ids[place]))[:50]
    assert [id for id, _ in index.search(held[7], limit=50)] == [int(ids[place]) for place in order]
    allowed = set(range(2, 10_001, 2))
    assert all(id % 2 == 0 for id, _ in index.search(held[7], limit=50, allowed=allowed))
    assert index.search(held[7], limit=0) == [] and index.search(held[7], limit=5, allowed=set()) == []
