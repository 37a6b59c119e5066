"""What every test shares: a home folder of its own, and for those that need real models one worker for the whole session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import beside
import pytest
from hub import LoopbackHub

from studio.app import Studio, open_studio
from studio.database import Database
from studio.gallery.files import Files
from studio.gallery.gallery import Gallery
from studio.jobs.queue import Queue
from studio.packs.ledger import Ledger
from studio.places import ASSETS
from studio.safety.gate import Gate

if TYPE_CHECKING:
    from studio.packs.hub import Hub

# diffusers 0.42 hands torch tensors to numpy 2 in its schedulers; nothing of ours can be done about it
KNOWN_WARNINGS = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    "ignore:__array_wrap__ must accept context:DeprecationWarning",
)
PACK = ASSETS / "storybook"


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what the libraries say about themselves, and only that."""
    beside.share_the_cores()
    for line in KNOWN_WARNINGS:
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(scope="session")
def heavy() -> None:
    """torch and diffusers, imported as the worker imports them; for tests that load a model themselves."""
    from studio.workshop import heavy

    heavy.prepare()


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test ever touches the home folder of whoever runs it."""
    monkeypatch.setenv("EASEL_HOME", str(tmp_path / "easel-home"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder; a space and an accent in its name, as people have them."""
    folder = tmp_path / "hôme folder"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def _begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database as a first start leaves it; copying it is ten times as quick as making it."""
    path = tmp_path_factory.mktemp("begun") / "easel.db"
    Database(path).close()
    return path


@pytest.fixture
def begun_home(home: Path, _begun: Path) -> Path:
    """That home folder after a first start: nothing is in its gallery yet."""
    shutil.copyfile(_begun, home / "easel.db")
    return home


@pytest.fixture
def database(begun_home: Path) -> Iterator[Database]:
    """A real database in that home."""
    opened = Database(begun_home / "easel.db")
    yield opened
    opened.close()


@pytest.fixture
def queue(database: Database) -> Queue:
    """A real queue."""
    return Queue(database)


@pytest.fixture
def switch() -> dict[str, bool]:
    """The switch "offline", for a test to turn."""
    return {"offline": False}


@pytest.fixture
def ledger(database: Database, switch: dict[str, bool]) -> Ledger:
    """A real ledger of who was contacted, behind that switch."""
    return Ledger(database, offline=lambda: switch["offline"])


@pytest.fixture
def hub(loopback: LoopbackHub, ledger: Ledger) -> Iterator[Hub]:
    """The real client of the loopback hub that the test's own module serves."""
    from studio.packs.hub import Hub

    with Hub(ledger=ledger, endpoint=loopback.url, token=False) as made:
        yield made


@pytest.fixture
def files(home: Path) -> Files:
    """The real picture folders of that home."""
    return Files(home)


@pytest.fixture
def gallery(database: Database, files: Files) -> Gallery:
    """A real, empty gallery."""
    return Gallery(database=database, files=files)


@pytest.fixture(scope="session")
def known_positive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The known positive of FakeChecker."""
    from fakes import FORBIDDEN
    from PIL import Image

    path = tmp_path_factory.mktemp("safety") / "known-positive.png"
    Image.new("RGB", (16, 16), FORBIDDEN).save(path)
    return path


@pytest.fixture
def gate(known_positive: Path) -> Gate:
    """The real gate over a checker that refuses magenta."""
    from fakes import FakeChecker

    made = Gate(checker=FakeChecker(), labels={"magenta": "magenta"}, known_positive=known_positive)
    assert made.ready() == ""
    return made


@pytest.fixture(scope="session")
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home folder for all tests that need real models, because a worker takes about ten seconds to get ready."""
    return tmp_path_factory.mktemp("session") / "home"


@pytest.fixture(scope="session")
def shared_studio(session_home: Path) -> Iterator[Studio]:
    """The studio of the session's home, with its worker running. Leave its queue empty and its settings as they are."""
    studio = open_studio(session_home)
    studio.supervisor.ensure()
    yield studio
    studio.supervisor.stop()
    studio.close()


@pytest.fixture(scope="session", autouse=True)
def _no_worker_stays_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Workers that the terminal's tests started in folders of this session end with it."""
    yield
    from studio.jobs import lock

    for path in tmp_path_factory.getbasetemp().rglob(lock.NAME):
        held = lock.holder(path.parent.parent)
        if held is not None and held.pid > 1:
            os.kill(held.pid, 15)
