"""How a gallery behaves as it grows: import, search, page, memory, at 1,000 to 1,000,000 artworks. JSON lines and a table.

    python bench/gallery.py [--sizes 1000 10000 100000 1000000] [--only import search page] [--out FILE] [--cores 2]

Everything is made in a temporary home: see bench/synthetic.py for the artworks and for how the vectors lie. At 1,000,000 there
are only vectors. Each search is end to end but for the encoder: what the filters let through, what is new in the table, the
vectors, the rows of full text, the reasons of 60 hits. Beside each, in turn and in the same process, one bare numpy product of
the same vectors in float32 with one query; "over" is the median of ours over the median of numpy's. Recall is the share of
numpy's ten nearest among ours. An import without the model reads, hashes, decodes, looks for metadata, writes original and
thumbnail and the rows (the gate's checker is a stand-in); beside it one loop of Pillow on one core that decodes the same files
and makes the same thumbnail. The page is the script of the Gallery page, run again by Streamlit's own runner; its bytes are
those of the messages it sends, thumbnails apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import importing, paging, searching, table
from bench.table import Row

PARTS = ("import", "search", "page")


def measure(sizes: list[int], only: list[str]) -> Iterator[Row]:
    """Everything that was asked for, in temporary homes."""
    if "import" in only:
        yield from importing.measure(importing.PICTURES, importing.ROUNDS, encoder=True)
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            home.mkdir()
            if "search" in only:
                yield from searching.searching(size, home)
            if "page" in only:
                yield from paging.paging(size, home)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--cores", type=int, default=2, help="how many of them are used")
    parser.add_argument("--out", type=Path, help="append the JSON lines to this file as well")
    options = parser.parse_args(arguments)
    table.only(options.cores)
    table.show("A gallery as it grows.", measure(options.sizes, options.only), out=options.out)


if __name__ == "__main__":
    main()
