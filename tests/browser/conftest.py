"""One browser for each file of tests; they skip where there is none or where it draws no 3D."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def chrome() -> Iterator["Chrome"]:
    pytest.importorskip("websockets", reason="the package websockets is missing (it comes with viser)")
    from tests.browser.chrome import Chrome, Missing

    try:
        browser = Chrome()
    except Missing as missing:
        pytest.skip(str(missing))
    with browser:
        if not browser.renderer():
            pytest.skip("this Chromium draws no WebGL2")
        yield browser
