"""Styles and wildcard files at the terminal: listed, brought in, used, and what is wrong said before anything is queued."""

from test_cli import run
from test_pages import studio

from studio.cli import main
from studio.domain.recipe import Recipe
from studio.domain.style import Style

__all__ = ["studio"]  # the fixture of the pages' tests: no worker is started


def test_styles_and_wildcards_are_listed_and_brought_in(home, tmp_path):
    table = tmp_path / "styles.csv"
    table.write_text("name,prompt,negative_prompt\nmine,{prompt} by day,dark\n,x,\n")
    code, answer, complaints = run(home, "styles", "--import", table, "--json")
    assert code == 0 and "1 new style." in complaints and "Line 3" in complaints
    assert {"name": "mine", "prompt": "{prompt} by day", "negative": "dark"} in answer["styles"]
    assert run(home, "styles", "--import", tmp_path / "none.csv", "--json")[0] == 2


def test_wildcards_at_the_terminal(studio, capsys):
    studio.wildcards.save("colours/warm", "red\norange")
    (studio.home / "wildcards" / "latin.txt").write_bytes(b"\xe9")
    assert main(["wildcards"]) == 0
    told = capsys.readouterr().out
    assert "__colours/warm__  2" in told and "__latin__  latin is not UTF-8" in told
    assert main(["wildcards", "__colours/warm__"]) == 0 and capsys.readouterr().out == "red\norange\n"
    assert main(["wildcards", "nothing"]) == 2 and "There are: colours/warm, latin" in capsys.readouterr().err


def test_what_is_wrong_with_the_words_is_said_before_anything_is_queued(studio, capsys):
    for words, said in (
        (["a star", "--style", "oil paintin"], "Did you mean Oil painting?"),
        (["a __star__"], "no wildcard file star"),
        (["a star <lora:ink:1>"], "no LoRA ink"),
    ):
        assert main(["paint", *words]) == 2
        assert said in capsys.readouterr().err
    assert studio.queue.list() == []


def test_styles_are_put_on_what_the_terminal_paints(studio, monkeypatch):
    from studio.terminal import painting

    studio.styles.save(Style("mine", "{prompt} by day"))
    monkeypatch.setattr(painting, "wait", lambda studio, job: job)  # nobody paints here
    main(["paint", "a star", "--style", "mine", "--style", "Line art", "--seed", "1"])
    (job,) = studio.queue.list()
    recipe = Recipe.from_dict(job.payload["recipe"])
    assert recipe.prompt.startswith("line art of a star by day,") and job.payload["typed"]["styles"] == [
        "mine",
        "Line art",
    ]
