"""A wildcard file and a style through the real worker: the pictures picked what the recipe says, and each alone is the same."""

import numpy as np
from PIL import Image

from studio.domain.prompting import pictures
from studio.domain.recipe import Recipe
from studio.domain.style import Style
from studio.gallery.metadata import read_own, read_parameters
from studio.safety.intake import open_picture


def finished(studio, job):
    done = studio.wait(job.id, timeout=240)
    assert done.state == "done", done.error
    return [studio.gallery.get(id) for id in done.result["artworks"]]


def pixels(studio, artwork):
    with Image.open(studio.gallery.path(artwork)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_four_pictures_with_a_wildcard_file_and_a_style(shared_studio):
    studio = shared_studio
    studio.wildcards.save("words painted", "red star\nblue house\nyellow flower\n2::green tree")
    studio.styles.save(Style("words painted", "a large {prompt} at night"))
    typed = Recipe("__words painted__", seed=20, steps=4, guidance=2.0, count=4)
    made = finished(studio, studio.paint(typed, styles=["words painted"]))
    said = [one.recipe.prompt for one in sorted(made, key=lambda one: one.recipe.seed)]
    recipe = studio.worded(typed, ["words painted"]).recipe
    assert said == [one.prompt for one in pictures(recipe)] and len(set(said)) > 1
    assert all(one.startswith("a large ") and one.endswith(" at night") and "__" not in one for one in said)
    # What was typed travels in the file, beside the recipe that needs none of it; other studios read the words that were said
    _, body = read_own(open_picture(studio.gallery.path(made[0]).read_bytes()).text)
    assert body["record"]["typed"] == {"prompt": "__words painted__", "negative": "", "styles": ["words painted"]}
    assert read_parameters(open_picture(studio.gallery.path(made[0]).read_bytes()).text["parameters"])[1] == said[0]
    # Without the file and the style, each picture alone is the same
    studio.wildcards.remove("words painted")
    studio.styles.remove("words painted")
    for artwork in made[1:3]:
        (again,) = finished(studio, studio.paint(artwork.recipe))
        assert np.abs(pixels(studio, again) - pixels(studio, artwork)).max() <= 1
