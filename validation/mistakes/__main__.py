"""Puts mistakes back: `python -m validation.mistakes [NUMBER...]`; with `--page` writes docs/mistakes.md instead."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from validation.mistakes.changes import PAGE, list_tests, read_table, write_page
from validation.mistakes.copied import CopiedCode


def main(arguments: Sequence[str] | None = None) -> int:
    """Make each change in a copy of the code and run its test; 1 where one is not seen."""
    table = read_table()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help=f"mistakes, 1 to {max(table.titles)}; default: all")
    parser.add_argument("--page", action="store_true", help="write the page and do nothing else")
    options = parser.parse_args(arguments)
    unknown = [number for number in options.numbers if number not in table.titles]
    if unknown:
        parser.error(f"there is no mistake {unknown[0]}: they are 1 to {max(table.titles)}")
    if options.page:
        PAGE.write_text(write_page(table), encoding="utf-8")
        return 0
    changes = [change for change in table.changes if change.number in (options.numbers or table.titles)]
    unseen = 0
    with tempfile.TemporaryDirectory() as folder:
        code = CopiedCode(Path(folder))
        asis = code.run_tests(list_tests(changes))
        if asis.status != 0:
            print(f"the tests do not pass without a mistake:\n{asis.said[-3000:]}")
            return 1
        for change in changes:
            start = time.perf_counter()
            problem = code.explain_unseen(change)
            unseen += problem is not None
            seen = f"seen    {time.perf_counter() - start:5.1f} s  {change.number:2}  {change.what}"
            print(seen if problem is None else f"NOT SEEN  {problem}", flush=True)
    print(f"{len(changes)} mistakes put back, {unseen} not seen")
    return int(unseen > 0)


if __name__ == "__main__":
    sys.exit(main())
