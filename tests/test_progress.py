"""Progress bars: what they show, and of which speed."""

import time

from tfmpe._base.progress import advance, progress_bar


def test_no_bar_without_a_wish(capsys):
    with progress_bar(False, 3, "step") as bar:
        assert bar is None
        assert not advance(bar, "training")
    assert capsys.readouterr() == ("", "")


def test_compiling_until_the_first_result(capsys):
    """The first one, which takes longest, does not count for the speed."""
    with progress_bar(True, 8, "draw", initial=2) as bar:
        bar.start_t -= 1000
        bar.last_print_t -= 1000
        assert advance(bar, "drawing", n=2)
        shown_first = bar.format_dict
        time.sleep(0.01)
        advance(bar, "drawing", n=3)
        assert bar.n == 7
        assert bar.format_dict["elapsed"] < 100
    assert (shown_first["n"], shown_first["initial"]) == (4, 4)
    assert shown_first["rate"] is None
    out, err = capsys.readouterr()
    assert out == ""
    assert "compiling:  25%" in err
    assert "drawing:  50%" in err
    assert "drawing:  88%" in err
