"""Pictures and numbers of docs/distances.md: `python -m validation.near STORE DATA --out docs/images/distances`.

STORE is a simulated cohort (`hemometric simulate --patients 1500 --seed 3 --sampling-rate 250 --out STORE`), DATA the
folder that holds ptbxl/ (PTB-XL 1.0.3, or a part of it). Of three ECGs of each, chosen by a rule, the five nearest of
other patients are drawn by each distance, and how dynamic time warping matches an ECG with its nearest. The tables of
the page are printed. One thread; about four minutes of processor time.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from hemometric.distances import DISTANCES
from hemometric.progress import say
from validation.near_distances import CHANGES, Company, alike, company, costs, nearest, overlooked, to_everybody
from validation.near_drawing import Found, draw_neighbours, draw_warps
from validation.near_ecgs import QUERIES, Collection, recorded, simulated
from validation.sections import as_table

_N_ECGS = 100
_EVERY_CHANGED = 10


def main() -> None:
    """Draw the pictures and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="a simulated cohort")
    parser.add_argument("data", type=Path, nargs="?", default=os.environ.get("HEMOMETRIC_REAL_DATA"))
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--pictures-only", action="store_true", help="without the tables")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the folder of recorded ECGs, or set HEMOMETRIC_REAL_DATA")
    real, virtual = recorded(Path(options.data)), simulated(options.store)
    for collection in (virtual, real):
        say(f"{_name(collection)}: {len(collection.labels):,} ECGs")
        draw_all(collection, options.out)
    if not options.pictures_only:
        print_tables(real, virtual)


def draw_all(collection: Collection, out: Path) -> None:
    """Draw the five nearest of each query, and the warps of the recorded ones."""
    found = find(collection)
    for query in QUERIES:
        draw_neighbours(collection, query, found[query], out / f"{_name(collection)}-{query}.png")
    if not collection.simulated:
        draw_warps(collection, {query: found[query]["dtw"] for query in QUERIES}, out / "warp-strip.png", beats=False)
        draw_warps(
            collection, {query: found[query]["beat-dtw"] for query in QUERIES}, out / "warp-beat.png", beats=True
        )


def find(collection: Collection) -> dict[str, dict[str, Found]]:
    """Return the five nearest of each query by each distance."""
    rows = np.array([collection.queries[query] for query in QUERIES])
    found: dict[str, dict[str, Found]] = {query: {} for query in QUERIES}
    for name in DISTANCES:
        distances = to_everybody(collection, rows, distance=name)
        for query, own, near in zip(QUERIES, distances, nearest(distances), strict=True):
            found[query][name] = Found(near, own[near])
    return found


def print_tables(real: Collection, virtual: Collection) -> None:
    """Print cost, what is overlooked and what the nearest have in common, in Markdown."""
    spent = [(name, f"{cost.prepared_per_s:,.0f}", f"{cost.pairs_per_s:,.0f}") for name, cost in costs(real).items()]
    print(as_table(("distance", "ECGs prepared per second", "pairs per second"), spent))
    changed = overlooked(real, every=_EVERY_CHANGED)
    print(as_table(("distance", *CHANGES), [(name, *(f"{s:.2f}" for s in row)) for name, row in changed.items()]))
    for collection in (real, virtual):
        print(
            _company_table(company(collection, n_ecgs=_N_ECGS), "mPCWP, mmHg" if collection.simulated else "age, years")
        )
    rare = {
        "left bundle branch block": np.array(["CLBBB" in label for label in real.labels]),
        "fibrillation or flutter": real.kinds == "AF",
    }
    shares = [alike(real, is_it) for is_it in rare.values()]
    header = ("distance", *(f"{what} ({np.count_nonzero(is_it)})" for what, is_it in rare.items()))
    print(as_table(header, [(name, *(f"{share[name]:.0%}" for share in shares)) for name in DISTANCES]))


def _company_table(found: dict[str, Company], value: str) -> str:
    rows = [
        (
            name,
            f"{one.same_kind:.0%}",
            f"{one.rate_apart:.1f}",
            f"{one.value_apart:.1f}",
            "" if one.most_often is None else str(one.most_often),
            "" if one.flat_nearer is None else str(one.flat_nearer),
        )
        for name, one in found.items()
    ]
    return as_table(("distance", "same kind", "rate, /min", value, "most often", "flat line nearer"), rows)


def _name(collection: Collection) -> str:
    return "simulated" if collection.simulated else "recorded"


if __name__ == "__main__":
    main()
