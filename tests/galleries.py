"""What the tests of the gallery share: a gate and tools without models, pictures added as painted or imported."""

import hostile
import pytest
from fakes import FakeModels, FakePainter

from studio.domain.recipe import Recipe
from studio.gallery.coming import adding
from studio.gallery.coming.incoming import Coming
from studio.gallery.keeping import changes
from studio.gallery.keeping.changes import Change
from studio.gallery.metadata import read_recipe
from studio.workshop.tools import Tools

RECIPE = Recipe("a red star above a house", negative="text", seed=7)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """A gate that lets everything through."""
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def tools(home, gate):
    """What jobs run with, with fakes in place of models."""
    made = Tools(home, models=FakeModels(gate, FakePainter()))
    yield made
    made.database.close()


def painter(gallery, gate):
    """Adds one picture unlike the others, as painted."""
    return lambda seed=0, **more: gallery.add(gate.picture(hostile.scene(seed)), RECIPE.with_seed(seed), **more)


def imported(gallery, cleared, recipe=None, **known):
    """Adds a picture that was not made here, of which these fields of `Coming` are known."""
    return adding.add(gallery, cleared, Coming("imported", recipe, **known))


def bring(gallery, gate, data, name="x.png"):
    """Import a file the way the worker does."""
    cleared, intake = gate.file(data)
    recipe, prompt, text = read_recipe(intake)
    known = {"source_name": name, "source_sha256": intake.sha256, "note": intake.note, "text": text}
    return imported(gallery, cleared, recipe, prompt=prompt, **known)


def changed(gallery, id, what, value):
    """Changes a picture the way a person does."""
    changes.apply(gallery, [id], Change(what, value))


def everything(home):
    return sorted(p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file() and "easel.db" not in p.name)
