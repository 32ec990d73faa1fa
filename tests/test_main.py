import subprocess
import sys

import pytest

from hemometric.__main__ import global_options_first, main


def test_global_options_may_stand_after_the_command():
    assert global_options_first(["embed", "run", "--device=cpu", "x", "--threads", "1"]) == [
        "--device=cpu",
        "--threads",
        "1",
        "embed",
        "run",
        "x",
    ]


def test_what_follows_two_dashes_is_left_alone():
    assert global_options_first(["predict", "run", "--", "--quiet"]) == ["predict", "run", "--", "--quiet"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pretran"], "Did you mean 'pretrain'"),
        (["ingest"], "Missing argument 'SOURCE"),
        (["simulate", "--out", "x", "--patients", "0"], "--patients"),
        (["inspect", "no-such-file.dcm"], "no-such-file.dcm"),
        (["inspect", "x" * 300], f"{'x' * 80}...: no file has a name that long"),
        (["embed", "run", "source", "--threads"], "--threads needs a value"),
    ],
)
def test_a_users_mistake_is_named_without_a_traceback_and_exits_with_2(arguments, said, capsys):
    assert main(arguments) == 2
    heard = capsys.readouterr().err
    assert said in heard
    assert "Traceback" not in heard


def test_a_defect_of_ours_keeps_its_traceback_and_exits_with_1():
    code = (
        "import sys, hemometric.cli as cli, hemometric.__main__ as entry\n"
        "def broken(arguments): raise ZeroDivisionError('a defect')\n"
        "cli.run = broken\n"
        "sys.exit(entry.main(['inspect', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom hemometric.__main__ import main\nmain(['--help'])\n"
        "heavy = {'torch', 'numpy', 'scipy', 'numba', 'pyarrow', 'wfdb', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pretrain" in done.stdout


@pytest.mark.parametrize("command", [["embed", "no-run", "x", "--out", "y"], ["predict", "no-run", "x"]])
def test_a_run_that_is_not_there_is_refused_before_pytorch_is_loaded(command):
    code = f"import sys\nfrom hemometric.__main__ import main\nmain({command})\nsys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "no-run: no such run" in done.stderr
