import time

from hemometric.progress import say, set_quiet, track


def test_progress_says_how_much_was_done_and_hands_every_item_on(capsys):
    set_quiet(False)
    try:
        assert list(track(range(3), total=5, unit="ECGs", title="ingest", done=2)) == [0, 1, 2]
        say("a remark")
    finally:
        set_quiet(True)
    heard = capsys.readouterr().err
    assert heard.startswith("ingest: 5 ECGs in ")
    assert heard.endswith("a remark\n")


def test_a_quiet_library_says_nothing(capsys):
    assert list(track([1], total=1, unit="ECGs", title="x")) == [1]
    say("a remark")
    assert capsys.readouterr() == ("", "")


def test_long_work_is_told_of_now_and_then_where_there_is_no_terminal(capsys, monkeypatch):
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    set_quiet(False)
    try:
        list(track(range(12), total=12, unit="ECGs", title="ingest", remark=lambda: "3 rejected"))
    finally:
        set_quiet(True)
    heard = capsys.readouterr().err.splitlines()
    assert heard[:2] == [
        "ingest: 4 of 12 ECGs, 5.0 s each, 3 rejected, about 40 s left",
        "ingest: 8 of 12 ECGs, 5.0 s each, 3 rejected, about 20 s left",
    ]
    assert heard[2].startswith("ingest: 12 ECGs in ")
    assert len(heard) == 3


def test_slow_work_says_how_long_one_takes(capsys, monkeypatch):
    clock = iter([0.0, 4.0, 8.0, 12.0, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    set_quiet(False)
    try:
        list(track(range(3), total=3, unit="cells", title="fit"))
    finally:
        set_quiet(True)
    assert capsys.readouterr().err == "fit: 3 cells in 12.0 s (4.0 s each)\n"
