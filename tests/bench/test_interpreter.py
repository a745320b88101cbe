import sysconfig

import pytest

from bench.interpreter import interpreter


@pytest.mark.parametrize(("arguments", "told"), [("'--enable-optimizations'", "with --"), (None, "without --")])
def test_the_page_says_how_python_was_configured_and_how_fast_it_is(
    arguments: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: {"CONFIG_ARGS": arguments}[name])
    monkeypatch.setattr("bench.interpreter.order_microseconds", lambda: 0.625)
    assert f"configured {told}enable-optimizations; a little order in pure Python takes it 0.62 µs" in interpreter()
