"""The bar over long work is not a flood where it ends in a log."""

import io
import sys

import pytest

from loci.agents.progress import IN_A_LOG, progress


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "pause"), [(io.StringIO(), IN_A_LOG), (Screen(), 0.1)])
def test_the_bar_is_redrawn_as_often_as_it_is_looked_at(
    stream: io.StringIO, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(total=3) as bar:
        assert bar.mininterval == pause
        bar.update(3)
    assert "3/3" in stream.getvalue()
