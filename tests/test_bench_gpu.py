"""The bench of the painter against the bare pipeline runs, on networks of hardly any weights, and its table has its rows."""

import json

import pytest


@pytest.fixture(scope="module")
def bench():
    from bench import gpu

    return gpu


@pytest.mark.parametrize(("family", "batches"), [("sd1", (1, 2)), ("sdxl", (2,))])
def test_both_sides_paint_and_every_row_stands_in_the_table(bench, capsys, monkeypatch, family, batches):
    monkeypatch.setattr(bench, "peak_rate", lambda *_: 1e15)  # a large matrix product takes its time
    batch = map(str, batches)
    bench.main(
        ["--geometry", "tiny", "--family", family, "--steps", "2", "--batch", *batch, "--runs", "1", "--no-modes"]
    )
    told = capsys.readouterr()
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert [(row["control"], row["batch"], row["side"]) for row in rows] == [
        (control, batch, side) for control in (False, True) for batch in batches for side in ("bare", "easel")
    ]
    assert all(row["rate"] > 0 and row["seconds"] > 0 and 0 <= row["floor"] < 1 for row in rows)
    assert all(row["ratio"] == 1 for row in rows if row["side"] == "bare")
    assert all(row["machine"] and row["matmul_tflops"] > 0 for row in rows)
    assert told.err.count(f"| {family} tiny |") == len(rows)


def test_a_side_that_paints_something_else_is_not_measured(bench):
    where = bench.torch.device("cpu")
    bare, easel = bench.sides("sd1", "tiny", where, size=64, control=False)
    lazy = bench.Side("lazy", lambda *_: bare.paint("a star", 1, 1), bare.unet, 0)
    with pytest.raises(SystemExit, match="2 steps were asked"):
        bench.once(lazy, easel, where, "a star", batch=1, steps=2)


def test_sketch_and_balanced_are_compared_as_the_pack_names_them(capsys):
    from bench import modes

    modes.main(["--geometry", "tiny", "--size", "64", "--runs", "1"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["mode"], row["steps"], row["rows"]) for row in rows] == [("balanced", 25, 50), ("sketch", 4, 4)]
    assert rows[0]["faster"] == 1 and rows[1]["faster"] > 0 and all(row["seconds"] > 0 for row in rows)


def test_the_low_step_lora_has_the_published_size(tmp_path):
    """latent-consistency/lcm-lora-sdv1-5: 134,621,556 bytes in fp16, its header among them."""
    import torch

    from bench import networks
    from studio.packs.header import read_header

    unet = networks.networks("sd1", "published", torch.device("meta"), torch.float32, control=False)["unet"]
    tensors = networks.low_step_shapes(unet)
    assert 2 * sum(a * b for a, b in tensors.values()) == pytest.approx(134_621_556, rel=0.002)
    tiny = networks.networks("sd1", "tiny", torch.device("cpu"), torch.float32, control=False)["unet"]
    header = read_header(networks.low_steps(tiny, tmp_path / "steps.safetensors"))
    assert len(header.tensors) == 2 * len(networks.low_step_shapes(tiny)) > 0


def test_the_work_of_the_published_networks_is_what_is_known_of_them(bench):
    """SD 1.5 at 512: 1.61 TFLOP a guided step and 2.51 a decoding."""
    one, two = (bench.work("sd1", "published", 512, steps, control=False) / 1e12 for steps in (1, 2))
    assert two - one == pytest.approx(1.61, rel=0.02)
    assert 2 * one - two == pytest.approx(2.51, rel=0.02)
