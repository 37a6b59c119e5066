"""What painting takes on a CUDA device, as torch counts it, beside what was foretold."""

import pytest

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


def test_the_worker_measures_what_was_foretold_on_the_gpu(heavy, shared_studio):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("There is no CUDA device here, so nothing of it can be tested.")
    from studio.domain.recipe import Recipe
    from studio.jobs import memory

    recipe = Recipe("a large red star", steps=4, width=256, height=256, seed=5)
    for _ in range(2):
        job = shared_studio.wait(shared_studio.paint(recipe).id, timeout=120)
        assert job.state == "done", job.error
    told = memory.told(shared_studio.database)
    assert told["kind"] == "cuda" and 0 < told["free"] < told["total"] and told["own"] > 0
    row = shared_studio.database.one(
        "SELECT peak, estimate FROM timings WHERE peak IS NOT NULL ORDER BY id DESC LIMIT 1"
    )
    assert row is not None and 1 << 20 < row["peak"] < 1 << 30
    found = shared_studio.foresight().forecast(recipe)
    assert found is not None and found.fits and found.learned
