"""The sheet of training curves: which figure of which log is drawn, and that it is drawn where it should be."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from bench import training_curves

SVG = "{http://www.w3.org/2000/svg}"


def test_a_log_becomes_a_curve_and_a_part_without_one_no_panel(tmp_path: Path) -> None:
    lines = [{"kind": "train", "seconds": 30, "loss": 9.0}]
    lines += [{"kind": "held-out", "seconds": 60 * i, "psnr": 20.0 + i} for i in (1, 2, 4)]
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "log.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    drawn = ET.fromstring(training_curves.sheet(tmp_path))
    assert [t.text for t in drawn.iter(f"{SVG}text")] == ["autoencoder: PSNR, dB", "24", "21", "0", "4 minutes"]
    (line,) = drawn.iter(f"{SVG}polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    left, right = training_curves.LEFT, training_curves.WIDE - training_curves.RIGHT
    top, foot = training_curves.TOP, training_curves.HIGH - training_curves.BOTTOM
    assert places[0] == (left + (right - left) / 4, foot) and places[-1] == (right, top)


def test_many_lines_are_averaged_into_few_points(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [{"kind": "train", "seconds": 60 * i, "loss": float(i)} for i in range(100)]
    log.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = training_curves.points(log, training_curves.PARTS["unet"])
    assert len(found) <= training_curves.MOST and found[0] == (1.5, 1.5)
