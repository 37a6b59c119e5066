"""The rules of the house: who may import whom, what loads when, and who alone may do what. Read from the source itself."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([ROOT / "streamlit_app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "studio").rglob("*.py")])

HEAVY = ("torch", "torchvision", "diffusers", "transformers", "controlnet_aux", "accelerate", "peft", "spandrel")
FRONT = (
    "streamlit_app.py",
    "pages/",
    "studio/ui/",
    "studio/cli.py",
    "studio/terminal/",
    "studio/api.py",
    "studio/commissions.py",
    "studio/orders.py",
    "studio/app.py",
    "studio/__main__.py",
)
WORKSHOP = ("studio/workshop/", "studio/starter/")
# Rooms from the ground up. A room may import the rooms on lower floors, and itself.
FLOORS = {
    "studio.domain": 0,
    "studio.schema": 0,
    "studio.machine": 1,
    "studio.places": 1,
    "studio.database": 1,
    "studio.durable": 1,
    "studio.measure": 1,
    "studio.safety": 2,
    "studio.packs": 2,
    "studio.gallery": 3,
    "studio.phrases": 3,
    "studio.jobs": 3,
    "studio.workshop": 5,
    "studio.commissions": 4,
    "studio.orders": 5,
    "studio.app": 6,
    "studio.starter": 7,
    "studio.api": 7,
    "studio.ui": 7,
    "studio.terminal": 7,
    "studio.cli": 8,
    "studio.__main__": 9,
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """Every module a file imports anywhere in it, dotted, with the line; TYPE_CHECKING blocks count too."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno} imports relatively"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def offenders(modules: tuple[str, ...], allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{name(path)}:{line} imports {module}"
        for path in SOURCES
        if not name(path).startswith(allowed)
        for module, line in imports(path)
        if module.split(".")[0] in modules
    ]


def test_streamlit_stays_in_the_front():
    assert offenders(("streamlit",), ("streamlit_app.py", "pages/", "studio/ui/")) == []


def test_torch_and_its_family_stay_in_the_workshop():
    assert offenders(HEAVY, WORKSHOP) == []


def test_faiss_has_one_room():
    assert offenders(("faiss",), ("studio/gallery/space/blocks.py",)) == []


def test_sqlite_has_one_door():
    assert offenders(("sqlite3",), ("studio/database.py",)) == []


def test_one_module_asks_other_machines():
    """Whatever can open a connection outward has one room, where the ledger is asked first."""
    outward = ("httpx", "httpx2", "huggingface_hub", "requests", "urllib3", "aiohttp", "ftplib", "smtplib", "asyncio")
    assert offenders(outward, ("studio/packs/hub.py",)) == []
    # serve.py looks for a free port of this machine
    assert offenders(("socket",), ("studio/packs/hub.py", "studio/ui/serve.py")) == []
    dotted = ("urllib.request", "http.client", "torch.hub", "torchvision.datasets")
    assert [
        f"{name(path)}:{line} imports {module}"
        for path in SOURCES
        for module, line in imports(path)
        if module.startswith(dotted)
    ] == []


def floor(module: str) -> tuple[str, int] | None:
    room = ".".join(module.split(".")[:2])
    return (room, FLOORS[room]) if room in FLOORS else None


def test_every_room_has_a_floor():
    rooms = {
        ".".join(name(path).removesuffix(".py").split("/")[:2]) for path in SOURCES if name(path).startswith("studio/")
    }
    assert rooms - set(FLOORS) <= {"studio.__init__"}


def test_imports_point_down_only():
    wrong = []
    for path in SOURCES:
        if not name(path).startswith("studio/"):
            continue
        own = floor(name(path).removesuffix(".py").replace("/", "."))
        for module, line in imports(path):
            other = floor(module)
            if own and other and own[0] != other[0] and other[1] >= own[1]:
                if (own[0], other[0]) == ("studio.cli", "studio.workshop"):
                    continue
                wrong.append(f"{name(path)}:{line} ({own[0]}) imports {module}")
    assert wrong == []


def test_the_front_and_the_workshop_never_import_each_other():
    wrong = []
    for path in SOURCES:
        for module, line in imports(path):
            front = name(path).startswith(FRONT)
            if front and module.startswith(("studio.workshop", "studio.starter")):
                # The one word `worker` of the terminal becomes the worker process: it is that process's entrance.
                if name(path) == "studio/cli.py" and module == "studio.workshop.worker.main":
                    continue
                wrong.append(f"{name(path)}:{line} imports {module}")
            if name(path).startswith(WORKSHOP) and module.startswith(
                ("studio.app", "studio.ui", "studio.api", "studio.cli", "studio.terminal")
            ):
                wrong.append(f"{name(path)}:{line} imports {module}")
    assert wrong == []


def test_the_nouns_import_nothing_of_ours_above_them():
    wrong = [
        f"{name(path)}:{line} imports {module}"
        for path in SOURCES
        if name(path).startswith("studio/domain/")
        for module, line in imports(path)
        if module.startswith("studio.") and not module.startswith("studio.domain")
    ]
    assert wrong == []


def test_only_the_gate_holds_the_seal():
    holders = {name(path) for path in SOURCES for module, _ in imports(path) if module == "studio.domain.verdict.SEAL"}
    assert holders == {"studio/safety/gate.py"}
    mentions = {name(path) for path in SOURCES if "SEAL" in path.read_text(encoding="utf-8").replace("SEALED", "")}
    assert mentions <= {"studio/safety/gate.py", "studio/domain/verdict.py", "studio/starter/seal.py"}


def calls(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@pytest.mark.parametrize(
    ("call", "home"),
    [("st.image", "studio/ui/show.py"), ("Cleared", "studio/safety/gate.py")],
)
def test_some_things_are_done_in_one_place(call, home):
    wrong = [
        f"{name(path)}:{line}"
        for path in SOURCES
        if name(path) != home
        for called, line in calls(path)
        if called == call
    ]
    assert wrong == []


def test_picture_files_are_written_in_one_place():
    """Outside files.py nobody calls .save() on a picture into a path; trainers and the renderer's sheets are not the studio."""
    wrong = [
        f"{name(path)}:{line} calls {called}"
        for path in SOURCES
        if name(path) != "studio/gallery/files.py" and not name(path).startswith("studio/starter/")
        for called, line in calls(path)
        if called.endswith(".save") and not called.startswith(("self.", "studio."))
    ]
    allowed = {"studio/gallery/metadata.py", "studio/safety/provenance.py", "studio/gallery/encoding.py"}
    assert [one for one in wrong if one.split(":")[0] not in allowed] == []


def test_what_makes_the_bytes_of_pictures_knows_no_path():
    """encoding.py saves into a buffer alone: without a path and `open`, its bytes reach the disk through files.py only."""
    tree = ast.parse((ROOT / "studio/gallery/encoding.py").read_text(encoding="utf-8"))
    saves = [
        ast.unparse(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "save"
    ]
    assert saves and set(saves) == {"buffer"}
    known = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import) for alias in node.names
    }
    assert known.isdisjoint({"os", "io", "pathlib", "Path", "shutil", "tempfile"})
    assert "open" not in {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_nothing_runs_at_import_but_definitions():
    """A module body holds imports, definitions, constants and docstrings; the entrances may call one thing."""
    entrances = {"streamlit_app.py", "studio/__main__.py", "studio/ui/frame.py"}
    wrong = []
    for path in SOURCES:
        if name(path) in entrances or name(path).startswith("pages/"):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            bare_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            loop = isinstance(node, ast.For | ast.While | ast.With)
            if bare_call or loop:
                wrong.append(f"{name(path)}:{node.lineno} {ast.unparse(node)[:60]}")
    assert wrong == []


def test_no_module_holds_mutable_state():
    wrong = [
        f"{name(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Global)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["studio.app", "studio.api", "studio.cli", "studio.terminal.painting"])
def test_the_front_loads_no_model_library(module):
    unwanted = [*HEAVY, "faiss", "streamlit", "cv2"] if module != "studio.api" else [*HEAVY, "faiss", "cv2"]
    program = f"import sys, {module}; print([m for m in {unwanted!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_help_opens_no_home_folder(tmp_path):
    """`--help` answers before anything is opened: it must work where no home folder can be made."""
    nowhere = tmp_path / "file"
    nowhere.touch()
    answer = subprocess.run(
        [sys.executable, "-m", "studio", "paint", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "EASEL_HOME": str(nowhere / "home")},
    )  # fmt: skip
    assert "--negative" in answer.stdout


def test_every_module_opens_with_a_sentence():
    def opening(path: Path) -> str:
        return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]

    assert [name(path) for path in SOURCES if not opening(path).endswith((".", ":"))] == []


def test_the_tour_names_only_files_that_exist():
    tour = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    named = [word.strip("`.,;:()") for word in tour.split() if word.startswith("`") and "/" in word and "." in word]
    gone = [path for path in named if not (ROOT / path).exists()]
    assert len(named) > 10 and gone == []
