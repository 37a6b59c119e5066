"""The bench of loading runs, on a pack of hardly any weights, and its table has its rows; starting processes is left out."""

import json

from bench import load


def test_switching_back_is_measured_for_both_packs_and_both_sides(heavy, capsys, monkeypatch):
    monkeypatch.setattr(load, "cold", lambda *_: 1.0)  # a process of its own takes ten seconds for its imports alone
    load.main(["--geometry", "tiny", "--rounds", "1"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(row["pack"], row["what"], row["side"]) for row in rows} == {
        (pack, what, side)
        for pack in ("storybook", "sd1")
        for what in ("cold", "back", "again")
        for side in ("bare", "easel")
    }
    assert all(row["seconds"] > 0 and row["n"] == 1 for row in rows)
    assert all(row["over"] == 1 for row in rows if row["side"] == "bare")
