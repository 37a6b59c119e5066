"""The terminal's verbs, run as another program would: their JSON, their exit codes, and what they say on stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROMPT = "a large red star above a small blue house at night"


def run(home, *words, timeout=180):
    """One command; returns (exit code, JSON on stdout or None, stderr)."""
    answer = subprocess.run(
        [sys.executable, "-m", "studio", *map(str, words)],
        cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False, env={**os.environ, "EASEL_HOME": str(home)},
    )  # fmt: skip
    return answer.returncode, json.loads(answer.stdout) if answer.stdout.strip() else None, answer.stderr


@pytest.fixture(scope="module")
def painted(session_home, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    code, answer, complaints = run(
        session_home, "paint", PROMPT, "--seed", 11, "--count", 2, "--steps", 8, "--out", out, "--json"
    )
    assert code == 0, complaints
    return answer, out


def test_paint_answers_with_the_job_and_its_artworks(painted):
    answer, out = painted
    assert answer["job"]["state"] == "done" and answer["job"]["seconds"] > 0 and answer["job"]["reasons"] == []
    assert [one["seed"] for one in answer["artworks"]] == [11, 12]
    for one in answer["artworks"]:
        assert set(one) == {"id", "path", "sha256", "seed", "width", "height", "prompt", "caption", "verdict"}
        assert one["prompt"] == PROMPT and one["caption"] and one["width"] == one["height"] == 128
        assert one["verdict"]["allowed"] is True and one["verdict"]["margin"] > 0 and one["verdict"]["scores"]
        assert Path(one["path"]).read_bytes() == (out / Path(one["path"]).name).read_bytes()


def test_same_recipe_and_seed_is_the_same_picture(painted, session_home):
    answer, _ = painted
    code, again, _ = run(session_home, "paint", PROMPT, "--seed", 11, "--count", 2, "--steps", 8, "--json")
    assert code == 0
    assert [one["sha256"] for one in again["artworks"]] == [one["sha256"] for one in answer["artworks"]]


def test_find_by_words_and_by_picture(painted, session_home):
    answer, _ = painted
    first = answer["artworks"][0]
    code, found, _ = run(session_home, "find", "star", "at", "night", "--limit", 5, "--json")
    assert code == 0 and set(found["hits"][0]) == {"id", "path", "score", "caption", "why"}
    assert found["hits"][0]["why"]["meaning"] == found["hits"][0]["score"]
    for like in (first["id"], first["path"]):
        code, found, _ = run(session_home, "find", "--like", like, "--json")
        assert code == 0 and found["hits"][0]["id"] == first["id"]
    mine = f'"{PROMPT}"'
    for text, ids in (
        (f"star {mine} seed:11", [first["id"]]),
        (f"star {mine} seed:10", []),
        (f'star {mine} -"star"', []),
    ):
        code, found, _ = run(session_home, "find", text, "--json")
        assert code == 0 and [hit["id"] for hit in found["hits"]] == ids, text
        assert all("star" in hit["why"]["words"]["prompt"] for hit in found["hits"])
    code, said, _ = run(session_home, "find", "star rating:great", "--json")
    assert code == 2 and said["error"]["field"] == "rating"
    wanted = ("export", "--query", f"star seed:11..12 {mine}", "--limit", 1, "--dry-run", "--to", session_home / "out")
    code, leaves, said = run(session_home, *wanted, "--json")  # what the limit leaves out is said
    assert (code, leaves["pictures"], leaves["left"]) == (0, 1, 1) and "The best 1; 1 more rank below them." in said
    code, found, _ = run(session_home, "find", "star", "--without", "night", "--json")
    assert code == 0 and "hits" in found


def test_caption_of_a_file(painted, session_home):
    answer, _ = painted
    code, said, _ = run(session_home, "caption", answer["artworks"][0]["path"], "--json")
    assert code == 0 and list(said) == ["caption"] and said["caption"]


def test_a_file_that_is_no_picture_is_bad_input(session_home, tmp_path):
    (tmp_path / "words.png").write_text("no picture")
    code, said, _ = run(session_home, "caption", tmp_path / "words.png", "--json")
    assert code == 2 and said["error"]["field"] == "file" and "not a picture" in said["error"]["message"]


def test_import_takes_what_is_a_picture_and_says_why_not(painted, session_home, tmp_path):
    answer, _ = painted
    (tmp_path / "again.png").write_bytes(Path(answer["artworks"][0]["path"]).read_bytes())
    (tmp_path / "web.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "empty.jpg").touch()
    code, said, _ = run(session_home, "import", tmp_path, "--json")
    assert code == 0
    assert said["imported"] == 0 and said["duplicates"] == 1
    assert {one["name"] for one in said["skipped"]} == {"web.png", "empty.jpg"}
    assert all(one["reason"].endswith(".") for one in said["skipped"])


def test_queue_packs_and_check(painted, session_home):
    code, said, _ = run(session_home, "queue", "--json")
    assert code == 0 and set(said["jobs"][0]) == {"id", "kind", "state", "done", "total", "error"}
    code, said, _ = run(session_home, "packs", "--json")
    assert code == 0 and said["packs"][0]["id"] == "storybook" and said["packs"][0]["missing"] == []
    code, said, _ = run(session_home, "check", "--json")
    assert (code, said) == (0, {"ok": True, "problems": []})


def test_check_finds_a_picture_that_was_changed_behind_our_back(painted, session_home):
    answer, _ = painted
    path = Path(answer["artworks"][1]["path"])
    data = path.read_bytes()
    try:
        path.write_bytes(data[:-20] + b"x" * 20)
        code, said, _ = run(session_home, "check", "--json")
        assert code == 5 and said["ok"] is False and any(path.name[:12] in problem for problem in said["problems"])
    finally:
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("prompt", [""]),
        ("prompt", ["x" * 10_000]),
        ("width", ["a star", "--size", "0x0"]),
        ("width", ["a star", "--size", "7x128"]),
        ("width", ["a star", "--size", "100000x128"]),
        ("size", ["a star", "--size", "big"]),
        ("steps", ["a star", "--steps", "0"]),
        ("seed", ["a star", "--seed", str(2**64)]),
        ("count", ["a star", "--count", "1000"]),
        ("sampler", ["a star", "--sampler", "magic"]),
        ("guidance", ["a star", "--guidance", "nan"]),
    ],
)
def test_bad_input_names_the_field_and_queues_nothing(tmp_path, field, words):
    code, said, complaint = run(tmp_path / "home", "paint", *words, "--json")
    assert code == 2
    assert said["error"]["field"] == field and field in complaint
    _, queue, _ = run(tmp_path / "home", "queue", "--json")
    assert queue["jobs"] == []


def test_a_missing_pack_has_its_own_code(tmp_path):
    code, said, complaint = run(tmp_path / "home", "paint", "a star", "--pack", "sdxl", "--json")
    assert code == 4 and "sdxl" in complaint and "storybook" in said["error"]["message"]


def test_a_refused_picture_has_its_own_code_and_no_pixels(session_home):
    before = {path.name for path in (session_home / "pictures").iterdir()}
    code, said, complaint = run(session_home, "paint", "a skull sign on a beach", "--seed", 5, "--json")
    assert code == 3 and said["job"]["state"] == "refused" and said["artworks"] == []
    assert said["job"]["reasons"] and complaint.strip()
    assert {path.name for path in (session_home / "pictures").iterdir()} == before


def test_a_home_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    code, _, complaint = run(tmp_path / "file" / "home", "queue", "--json")
    assert code == 5 and "EASEL_HOME" in complaint and "Traceback" not in complaint


def test_repeat_says_whether_it_comes_out_the_same(painted, session_home):
    answer, _ = painted
    first = answer["artworks"][0]
    code, said, complaints = run(session_home, "repeat", first["id"], "--json")
    assert code == 0, complaints
    assert said["artwork"] == first["id"] and said["measured"]["largest"] <= 2  # it was one of two painted at once
    assert said["sentence"] and [one["label"] for one in said["differences"]] == ["At once"] and "kept" not in said
    for wrong in ("999999", "x.png"):
        code, said, complaints = run(session_home, "repeat", wrong, "--json")
        assert code == 2 and said["error"]["message"] in complaints


def test_a_folder_is_watched_listed_scanned_again_and_let_go(painted, session_home, tmp_path):
    answer, _ = painted
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "again.png").write_bytes(Path(answer["artworks"][0]["path"]).read_bytes())
    (folder / "=words.png").write_text("no picture")
    report = tmp_path / "report.csv"
    code, said, _ = run(session_home, "import", "--watch", folder, "--report", report, "--json")
    assert code == 0 and (said["imported"], said["duplicates"], said["left_out"]) == (0, 1, 1)
    assert report.read_text().splitlines()[1].startswith("'=words.png,")
    code, said, _ = run(session_home, "folders", "--rescan", "--json")
    (known,) = said["folders"]
    assert code == 0 and (known["path"], known["files"], known["left_out"]) == (str(folder), 2, 1)
    assert known["scan"]["duplicates"] == 1
    code, said, _ = run(session_home, "folders", "--stop", tmp_path / "other", "--json")
    assert code == 2 and "is not watched" in said["error"]["message"]
    code, said, _ = run(session_home, "folders", "--stop", folder, "--json")
    assert code == 0 and said["folders"] == [] and len(list(folder.iterdir())) == 2
