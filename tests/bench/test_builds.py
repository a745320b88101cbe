from pathlib import Path

import pytest

from bench import builds


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", "scoring/rules.py", "streams/engine/loop.py", "docs/page.md", *builds.COMMON_JOB):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "scoring/rules.py", "streams/engine/loop.py", "scoring/new.py", *builds.COMMON_JOB]
)
def test_a_build_of_other_sources_is_another_one(sources: Path, name: str) -> None:
    before = builds.mark_of(sources)
    (sources / name).write_text("two")
    assert builds.mark_of(sources) != before


def test_what_is_not_compiled_needs_no_new_build(sources: Path) -> None:
    before = builds.mark_of(sources)
    (sources / "docs" / "page.md").write_text("two")
    assert builds.mark_of(sources) == before


def test_a_second_run_on_the_same_sources_compiles_nothing(
    sources: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Path] = []

    def compile_in(folder: Path, *_: str) -> None:
        compiled.append(folder)
        for name in ("shared.so", "scoring/engine.so", "build/lib/shared.so"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"machine code")

    monkeypatch.setattr(builds, "compile_in", compile_in)
    monkeypatch.setattr(builds, "_HOME", sources)
    monkeypatch.setattr(builds, "_COMPILERS", ("sh",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    found: list[set[str]] = []
    for _ in range(2):
        with builds.builds() as made:
            assert made.compiled is not None
            found.append({str(each.relative_to(made.compiled)) for each in made.compiled.rglob("*.so")})
            assert not list(made.pure.rglob("*.so"))
    assert len(compiled) == 1
    assert found[1] == {"shared.so", "scoring/engine.so"}
