"""Entry point: run a command, turn a user's mistake into one line on stderr and exit status 2.

Anything that is not a user's mistake keeps its traceback and exits with 1.
"""

import errno
import sys
from collections.abc import Sequence

from hemometric.errors import HemometricError, SettingsError

_GLOBAL_WITH_VALUE = {"--threads": "--threads 2", "--device": "--device cpu"}
_GLOBAL_FLAGS = ("--quiet",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 1 a defect of ours, 2 a user's mistake.

    Args:
        argv: Arguments without the program's name; by default those of the process.
    """
    from hemometric.cli import run

    try:
        return run(global_options_first(list(sys.argv[1:] if argv is None else argv)))
    except HemometricError as error:
        sys.stderr.write(f"hemometric: {' '.join(str(error).split())}\n")
        return 2
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        sys.stderr.write(f"hemometric: {str(error.filename)[:80]}...: no file has a name that long\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("hemometric: interrupted; what was finished is kept\n")
        return 130


def global_options_first(arguments: list[str]) -> list[str]:
    """Let --threads, --device and --quiet stand anywhere on the line, since that is where people write them.

    >>> global_options_first(["pretrain", "store", "--threads", "2", "--quiet"])
    ['--threads', '2', '--quiet', 'pretrain', 'store']
    """
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _GLOBAL_FLAGS or argument.startswith(tuple(f"{name}=" for name in _GLOBAL_WITH_VALUE)):
            first.append(argument)
        elif argument in _GLOBAL_WITH_VALUE:
            value = next(waiting, None)
            if value is None:
                raise SettingsError(f"{argument} needs a value, such as {_GLOBAL_WITH_VALUE[argument]}")
            first += [argument, value]
        else:
            rest.append(argument)
    return first + rest


if __name__ == "__main__":
    raise SystemExit(main())
