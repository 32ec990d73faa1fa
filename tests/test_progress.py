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
