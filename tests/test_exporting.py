"""What leaves in a picture's file: read from the exported bytes themselves, for every format and every choice of words."""

import json
import struct
from io import BytesIO

import hostile
import pytest
from galleries import RECIPE, bring, changed, painter
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput, BadPicture
from studio.domain.export import Export
from studio.domain.verdict import Verdict
from studio.gallery.carriers import Label, dress, kind_of
from studio.gallery.foreign.notes import Notes, notes_of
from studio.gallery.leaving import exporting, naming
from studio.safety.contents import XMP_KEY
from studio.safety.folding import fold, unfold
from studio.safety.intake import open_picture, place_of
from studio.safety.provenance import EDITED, GENERATED, read_source_type, xmp_packet


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


PRIVATE = (b"SN-12345", b"MAKERNOTE", b"Ann Owner", b"GPS")


def camera(format="JPEG", *, gps=True, orientation=1, icc=b"", thumbnail=True):
    """A photograph with everything that a camera writes: place, serial numbers, owner, maker note, comment, ICC profile."""
    picture = hostile.scene(3, (48, 32))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Canon", "EOS R5", orientation
    inner = exif.get_ifd(0x8769)
    inner[0x9003], inner[0xA431], inner[0xA430] = "2024:05:06 07:08:09", "SN-12345", "Ann Owner"
    inner[0x927C], inner[0xA435] = b"MAKERNOTE", "SN-12345"
    if gps:
        exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)}
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
        b' rdf:about="" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp='
        b'"http://ns.adobe.com/xap/1.0/" aux:SerialNumber="SN-12345" xmp:Rating="2"><aux:OwnerName>Ann Owner</aux:OwnerName>'
        b"<dc:title><rdf:Alt><rdf:li>The pier</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    options = {"exif": exif, "xmp": xmp, "icc_profile": icc} if format != "PNG" else {"exif": exif, "icc_profile": icc}
    if format == "PNG":
        info = PngInfo()
        info.add_itxt(XMP_KEY, xmp.decode())
        options["pnginfo"] = info
    if format == "JPEG":
        options["comment"] = b"a remark"
    return hostile.encode(picture, format, **options)


def a1111(**more):
    settings = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 24x16, Model: dreamshaper"
    text = f"a red boat\nNegative prompt: people\n{settings}"
    return hostile.with_text(hostile.scene(5), parameters=text, workflow='{"nodes": []}', **more)


def out(gallery, artwork, **choice):
    """The bytes that leave."""
    return exporting.leaving(artwork, gallery.path(artwork).read_bytes(), Export(**choice)).data


def pixels(data):
    return open_picture(data).picture


@pytest.mark.parametrize("format", ["same", "png", "jpeg", "webp"])
@pytest.mark.parametrize("metadata", ["all", "recipe", "none"])
def test_a_painted_picture_says_what_was_chosen_and_always_that_a_model_made_it(gallery, gate, format, metadata):
    artwork = painter(gallery, gate)(
        7, record={"pack_name": "Storybook", "device": "My Own Machine"}, parents=("ab" * 32,)
    )
    changed(gallery, artwork.id, "tag", "night")
    artwork = gallery.get(artwork.id)
    data = out(gallery, artwork, format=format, metadata=metadata)
    intake = open_picture(data)
    assert kind_of(data) == {"same": "png"}.get(format, format)
    assert read_source_type(intake.text[XMP_KEY]) == GENERATED
    assert (b"My Own Machine" in data) is (metadata == "all")
    assert (b"night" in data) is (metadata == "all")
    assert (b"ab" * 32 in data) is (metadata == "all")
    told = dict(exporting.told(data))
    assert told.get("Prompt") == (None if metadata == "none" else RECIPE.prompt)
    assert told.get("Seed") == (None if metadata == "none" else "7")
    if metadata == "none":
        assert set(told) == {"Mark"} and b"red star" not in data and b"Exif" not in data.replace(b"EXIF", b"")
    if format in ("same", "png"):
        assert intake.picture.tobytes() == pixels(gallery.path(artwork).read_bytes()).tobytes()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("format", ["same", "png", "jpeg", "webp"])
@pytest.mark.parametrize("metadata", ["all", "recipe", "none"])
def test_no_place_and_no_serial_number_ever_leaves_unasked(gallery, gate, kind, format, metadata):
    artwork = bring(gallery, gate, camera(kind))
    data = out(gallery, artwork, format=format, metadata=metadata)
    assert [word for word in PRIVATE if word in data] == []
    assert place_of(data) is None
    with Image.open(BytesIO(data)) as picture:
        exif = picture.getexif()
        assert not exif.get_ifd(1) and 0x927C not in exif.get_ifd(0x8769)
    assert (b"EOS R5" in data) is (metadata == "all")
    assert (b"a remark" in data) is False or metadata == "all"


def in_place(gallery, gate, data, tmp_path):
    """A picture whose file stays where it lies, in the bytes that were cleared."""
    artwork = bring(gallery, gate, data)
    from dataclasses import replace

    from studio.safety.intake import sha256

    return replace(artwork, place=str(tmp_path / "x.jpg"), sha256=sha256(data), source_name="x.jpg")


def test_a_picture_in_place_is_cleaned_and_only_the_cleared_bytes_leave(gallery, gate, tmp_path):
    data = camera("JPEG", orientation=6)
    assert place_of(data) is not None and all(word in data for word in PRIVATE[:3])
    artwork = in_place(gallery, gate, data, tmp_path)
    left = exporting.leaving(artwork, data, Export(metadata="all"))
    assert left.ending == ".jpg" and [word for word in PRIVATE if word in left.data] == []
    assert pixels(left.data).tobytes() == pixels(data).tobytes()  # and upright, as its orientation says
    with pytest.raises(BadInput, match="no longer the one that was checked"):
        exporting.leaving(artwork, data[:-4] + b"\0\0\xff\xd9", Export())


def test_the_place_leaves_only_when_it_is_asked_for(gallery, gate, tmp_path):
    data = camera("JPEG")
    artwork = in_place(gallery, gate, data, tmp_path)
    for format in ("same", "png", "jpeg", "webp"):
        with_place = exporting.leaving(artwork, data, Export(format=format, metadata="none", gps=True)).data
        north, east = place_of(with_place)
        assert (round(north, 4), round(east, 4)) == (48.8583, 2.2944)
        assert b"SN-12345" not in with_place
        told = dict(exporting.what_leaves(artwork, data, Export(format=format, metadata="none", gps=True)))
        assert told == {"Place": "48.85833° N, 2.29444° E"}
        assert exporting.what_leaves(artwork, data, Export(format=format, metadata="none")) == []


def test_what_is_shown_beforehand_is_what_the_file_says(gallery, gate):
    for artwork in (bring(gallery, gate, camera("JPEG")), bring(gallery, gate, a1111()), painter(gallery, gate)(3)):
        data = gallery.path(artwork).read_bytes()
        for metadata in ("all", "recipe", "none"):
            for format in ("same", "png", "jpeg", "webp"):
                choice = Export(metadata=metadata, format=format)
                shown = exporting.what_leaves(artwork, data, choice)
                assert shown == exporting.told(exporting.leaving(artwork, data, choice).data)


@pytest.mark.parametrize(
    "easel", ["[1]", "null", "x", '{"parents": 5}', '{"record": [1], "parents": {"a": 1}}', "[" * 100_000, "9" * 5_000]
)
@pytest.mark.parametrize("format", ["same", "jpeg"])
def test_what_a_stranger_wrote_in_our_place_breaks_nothing(gallery, gate, easel, format):
    artwork = bring(
        gallery, gate, hostile.with_text(hostile.scene(6), easel=easel, parameters="a pier\nSteps: 9, Seed: 3")
    )
    data = gallery.path(artwork).read_bytes()
    choice = Export(format=format, metadata="all")
    shown = exporting.what_leaves(artwork, data, choice)
    assert shown == exporting.told(exporting.leaving(artwork, data, choice).data)
    assert ("Prompt", "a pier") in shown and "Made from" not in dict(shown)


def test_everything_comes_back_through_an_import(gallery, gate):
    """Every way to write a picture brings its recipe, its words and what the user noted back."""
    painted = painter(gallery, gate)(9, parents=("cd" * 32,), record={"pack_name": "Storybook"})
    for tag in ("night", "red boat"):
        changed(gallery, painted.id, "tag", tag)
    gallery.set_caption(painted.id, 'a "boat" & <sea> \U0001f58c\ufe0f GPS :City', "you")
    changed(gallery, painted.id, "favourite", True)
    gallery.database.write(
        "UPDATE artworks SET rating = 4, remark = 'for Ann', source_name = 'b.png' WHERE id = ?", painted.id
    )
    painted = gallery.get(painted.id)
    for format in ("same", "jpeg", "webp"):
        intake = open_picture(out(gallery, painted, metadata="all", format=format))
        from studio.gallery.foreign.reading import read
        from studio.gallery.metadata import read_parents

        told = read(intake)
        assert intake.keep and told.recipe == painted.recipe and told.tool == "easel"
        assert read_parents(intake.text) == painted.parents
        assert notes_of(intake.text) == Notes(
            painted.caption, "you", ("night", "red boat"), 4, True, "for Ann", "b.png"
        )
        assert set(told.tags) == {"night", "red boat"} and told.rating == 4


@pytest.mark.parametrize("format", ["same", "jpeg", "webp"])
def test_other_tools_and_cameras_words_come_back_too(gallery, gate, format):
    from studio.gallery.foreign.reading import read

    for data in (a1111(), camera("JPEG", gps=False), camera("WEBP", gps=False)):
        before = read(open_picture(data))
        artwork = bring(gallery, gate, data)
        after = read(open_picture(out(gallery, artwork, metadata="all", format=format)))
        for name in ("tool", "prompt", "negative", "seed", "model", "sampler", "recipe", "camera", "taken_at", "title"):
            assert getattr(after, name) == getattr(before, name), name
        lost = {key for key in before.rest if key not in after.rest and key not in (XMP_KEY, "parameters", "comment")}
        assert lost == set()


def test_recipe_only_leaves_other_tools_words_and_the_camera_here(gallery, gate):
    artwork = bring(gallery, gate, a1111())
    gallery.database.write(
        "UPDATE artworks SET made_with = 'a1111', seed = 42, sampler = 'euler_a', model = 'm' WHERE id = ?", artwork.id
    )
    artwork = gallery.get(artwork.id)
    data = out(gallery, artwork)
    told = dict(exporting.told(data))
    assert b"workflow" not in data and told["Prompt"] == "a red boat" and told["Seed"] == "42"
    assert b"Version: Easel" not in data  # we did not make it
    assert told["Mark"] == "says that a model made it"  # but a generator did, and its own words about that are gone
    everything = dict(exporting.told(out(gallery, artwork, metadata="all")))
    assert everything["Other tools"].startswith("workflow (")


def test_the_mark_of_an_edited_photograph_stays_what_it_is(gallery, gate):
    artwork = bring(gallery, gate, hostile.encode(hostile.scene(8), "JPEG", xmp=xmp_packet(EDITED)))
    for format in ("same", "png", "jpeg", "webp"):
        data = out(gallery, artwork, metadata="none", format=format)
        assert read_source_type(open_picture(data).text[XMP_KEY]) == EDITED


def test_nothing_leaves_that_was_not_cleared(gallery, gate):
    artwork = painter(gallery, gate)(1)
    data = gallery.path(artwork).read_bytes()
    from dataclasses import replace

    for other in (
        replace(artwork, verdict=Verdict(allowed=False)), replace(artwork, deleted_at=1.0), replace(artwork, kind="proposal"),
        replace(artwork, kind="mask"),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            exporting.leaving(other, data, Export())
    with pytest.raises(BadInput, match="no longer the one"):
        exporting.leaving(artwork, hostile.encode(hostile.scene(2)), Export())


# --- files taken apart and put together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_colours_stay_and_so_does_the_profile(kind):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = camera(kind, icc=profile)
    bare = dress(data, Label())
    with Image.open(BytesIO(bare)) as picture, Image.open(BytesIO(data)) as before:
        assert picture.info["icc_profile"] == profile
        assert picture.tobytes() == before.tobytes()
    assert len(bare) < len(data) and b"Canon" not in bare and b"a remark" not in bare


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_of_every_make_takes_words_and_gives_them_back(mode, lossless):
    picture = hostile.scene(4, (33, 17)).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    data = hostile.encode(picture, "WEBP", lossless=lossless)
    dressed = dress(data, Label(xmp=xmp_packet(GENERATED)))
    with Image.open(BytesIO(dressed)) as after, Image.open(BytesIO(data)) as before:
        assert (after.size, after.mode, after.tobytes()) == (before.size, before.mode, before.tobytes())
        assert read_source_type(after.info["xmp"]) == GENERATED
    assert dress(dressed, Label()) == dress(data, Label())


def test_what_hides_behind_the_end_does_not_leave():
    jpeg = hostile.encode(hostile.scene(1), "JPEG")
    for data in (
        jpeg + jpeg,
        hostile.encode(hostile.scene(1)) + b"SECRET",
        hostile.encode(hostile.scene(1), "WEBP") + b"SECRET",
    ):
        bare = dress(data, Label())
        assert b"SECRET" not in bare and bare.count(b"\xff\xd8\xff") <= 1
        assert open_picture(bare).picture.size == (24, 16)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"RIFF\xff\0\0\0WEBPVP8 \xff\0\0\0"],
)
def test_a_file_that_cannot_be_taken_apart_stays_here(data):
    with pytest.raises(BadPicture):
        dress(data, Label())


def test_words_too_long_for_a_jpeg_leave_the_longest_text_here(gallery, gate):
    artwork = bring(
        gallery,
        gate,
        hostile.with_text(hostile.scene(6), parameters="a boat\nSteps: 3, Sampler: Euler", workflow="w" * 90_000),
    )
    data = out(gallery, artwork, metadata="all", format="jpeg")
    told = dict(exporting.told(data))
    assert told["Prompt"] == "a boat" and "Other tools" not in told and b"wwww" not in data
    assert "workflow" in dict(exporting.told(out(gallery, artwork, metadata="all", format="webp")))["Other tools"]


@pytest.mark.parametrize("text", hostile.PROMPTS)
def test_folded_texts_come_back_to_the_letter_and_never_look_like_a_place(text):
    texts = {"parameters": text, "easel": json.dumps({"a": "GPS :City and :Country"})}
    folded = fold(texts)
    assert "GPS" not in folded and ":City" not in folded and "<" not in folded
    packet, back = unfold(f"<rdf:Description{folded}/>")
    assert back == texts and "easel:Texts" not in packet


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": 2},
        {"version": 1, "caption": 3, "tags": "x", "rating": 9, "favourite": "yes", "caption_by": "<b>"},
    ],
)
def test_notes_of_a_stranger_are_believed_only_where_they_can_be(body):
    assert notes_of({"easel-notes": json.dumps(body)}) in (None, Notes())
    assert notes_of({"easel-notes": "["}) is None


@pytest.mark.parametrize(
    "packet", ["", ' easel:Texts="', ' easel:Texts="{"', ' easel:Texts="[1]"', ' easel:Texts="{&quot;a&quot;:1}"']
)
def test_a_broken_packet_tells_nothing(packet):
    assert unfold(packet)[1] == {}


# --- names and places ---------------------------------------------------------------------------------------------------


def named(prompt, **more):
    return Artwork(7, "a" * 64, "x.png", "painted", 8, 8, 1, created_at=1_700_000_000.0, prompt=prompt, **more)


def test_names_follow_the_pattern():
    assert naming.stem(named("a red boat"), "{date}_{id}_{prompt}", number=1) == "2023-11-14_7_a_red_boat"
    assert naming.stem(named("", seed=5, caption="sea"), "{number}-{seed}-{caption}-{model}", number=12) == "0012-5-sea"
    with pytest.raises(BadInput, match=r"no field \{banana\}"):
        Export(names="{banana}")


HOSTILE = (
    *hostile.NAMES, "CON", "con.png", "NUL", "lpt1", "COM¹", "..", ".", "...hidden", "a/b\\c", "e" * 300,
    "\U0001f468\u200d\U0001f469" * 90, "two\nlines", "trailing dots...", "tab\tand\x1besc", "\u202egnp.exe", "a:b*c?d|e",
    "\u00e9" * 200, "~root", "$HOME", "-rf",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("pattern", ["{prompt}", "{name}", "../{prompt}/x", "{prompt}.exe"])
def test_hostile_names_are_safe(text, pattern, tmp_path):
    name = naming.stem(named(text, source_name=text), pattern, number=1)
    assert name and len(name.encode()) <= naming.BYTES + 1
    assert (
        not set(name) & set('/\\:*?"<>|\n\r\t\0\x1b\u202e')
        and not name.startswith((".", "-"))
        and not name.endswith(".")
    )
    assert name.split(".")[0].lower() not in {"con", "nul", "lpt1", "com¹"}
    (tmp_path / f"{name}.png").write_bytes(b"x")  # and the disk takes it
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]


def test_no_two_names_are_alike():
    taken = set()
    for prompt in ("Boat", "boat", "BOAT"):
        found = naming.unlike(
            naming.stem(named(prompt), "{prompt}", number=1), ".png", taken=lambda name: naming.folded(name) in taken
        )
        taken.add(naming.folded(found))
    assert taken == {"boat.png", "boat-2.png", "boat-3.png"}


def test_a_place_is_checked_before_anything_is_done(tmp_path):
    home, watched = tmp_path / "home", tmp_path / "watched"
    home.mkdir()
    watched.mkdir()
    check = lambda text, needed=1: exporting.place_for(text, home=home, watched=[str(watched)], needed=needed)  # noqa: E731
    assert check(str(tmp_path / "new" / "folder")) == tmp_path / "new" / "folder"
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_bytes(b"")
    for text, words in (
        ("", "whole path"), ("out", "whole path"), (str(home / "pictures"), "own folder"), (str(watched / "a"), "is watched"),
        (str(tmp_path / "file" / "a"), "not a folder"), ("/proc/\0", "cannot be used"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            check(text)
    with pytest.raises(BadInput, match="free; make room"):
        check(str(tmp_path / "out"), needed=10**18)


def test_the_tally_counts_what_the_pictures_hold(gallery, gate):
    one, two = painter(gallery, gate)(1), bring(gallery, gate, camera("JPEG"))
    changed(gallery, one.id, "tag", "night")
    counted = exporting.tally(gallery.database, [one.id, two.id, 999], Export())
    assert (counted.pictures, counted.prompts, counted.seeds, counted.notes, counted.marked) == (2, 1, 1, 1, 1)
    assert counted.bytes == one.bytes + two.bytes


def test_a_png_keeps_its_chunks_in_the_order_that_its_readers_need():
    data = dress(hostile.with_text(hostile.scene(1), a="b"), Label({"k": "v", "ü": "漢"}, xmp=xmp_packet(GENERATED)))
    names, place = [], 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        names.append(name)
        place += 12 + length
    assert names[0] == b"IHDR" and names[-1] == b"IEND" and names.index(b"tEXt") < names.index(b"IDAT")
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        assert picture.text["k"] == "v" and picture.text["ü"] == "漢" and "a" not in picture.text
