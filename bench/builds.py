"""The product as pure Python and compiled, each in a folder of its own, whatever the working tree happens to hold."""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.commands.output import notes
from streams.devstack.java import cache_directory

_HOME: Final = Path(__file__).parents[1]
_PACKAGES: Final = ("scoring", "streams", "bench")
# mypyc's own command leaves it to setuptools to find packages, which refuses a folder that has several.
_SETUP: Final = """
import sys
from mypyc.build import mypycify
from setuptools import setup
modules, sys.argv = sys.argv[1:], ["setup.py", "--quiet", "build_ext", "--inplace"]
extensions = mypycify(modules, debug_level="0")
if sys.platform != "win32":
    # A function that no other library can replace is called straight, or inlined: 5 % less time per order.
    for extension in extensions:
        extension.extra_compile_args += ["-fvisibility=hidden", "-fno-plt"]
setup(name="memberpulse", packages=[], ext_modules=extensions)
"""
_COMPILERS: Final = ("cc", "gcc", "clang")
#: Compiled as well: the application, when the engine does the common job.
COMMON_JOB: Final = ("bench/common_job.py", "bench/contenders/common_members.py")
#: How many builds are kept for runs on the same sources.
_KEPT: Final = 3


@dataclass(frozen=True, slots=True)
class Builds:
    """Folders to start processes in; ``compiled`` is None on a machine without a C compiler."""

    pure: Path
    compiled: Path | None


class BuildFailedError(Exception):
    """The compiler refused."""


def compiled_modules() -> list[str]:
    """The files that the compiled build compiles, as the wheel's build hook lists them."""
    project = tomllib.loads((_HOME / "pyproject.toml").read_text("utf-8"))
    modules: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]["include"]
    return modules


def compile_in(folder: Path, *others: str) -> None:
    """Compile a copy of the project in place, and ``others`` of its modules with it.

    Raises:
        BuildFailedError: with the last lines of what the compiler said.
    """
    options = ["--config-file=pyproject.toml", "--follow-imports=silent"]
    done = subprocess.run(
        [sys.executable, "-c", _SETUP, *options, *compiled_modules(), *others],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise BuildFailedError("compiling failed:\n" + done.stdout[-2000:])


def mark_of(folder: Path) -> str:
    """What a compiled build depends on, as a short word: the sources, this Python, and everything installed in it."""
    mark = hashlib.sha256(f"{sys.version} {sys.implementation.cache_tag} {_SETUP}".encode())
    for name in sorted(f"{each.name} {each.version}" for each in importlib.metadata.distributions()):
        mark.update(name.encode() + b"\0")
    sources = [folder / "pyproject.toml", *folder.glob("scoring/**/*.py"), *folder.glob("streams/**/*.py")]
    sources += [folder / name for name in COMMON_JOB]
    for source in sorted(sources):
        mark.update(b"%b\0%b\0" % (str(source.relative_to(folder)).encode(), source.read_bytes()))
    return mark.hexdigest()[:16]


def kept_build(folder: Path) -> Path:
    """Where the compiled build of the sources in ``folder`` is kept for the next run on them, if it was made before."""
    return cache_directory() / "bench-builds" / mark_of(folder)


@contextmanager
def builds() -> Iterator[Builds]:
    """Make both builds, and remove them at the end; a compiled one of the same sources is taken from an earlier run.

    Raises:
        BuildFailedError: the compiler refused.
    """
    with tempfile.TemporaryDirectory(prefix="memberpulse-builds-") as place:
        pure, compiled = Path(place, "pure"), Path(place, "compiled")
        for folder in pure, compiled:
            folder.mkdir()
            shutil.copy(_HOME / "pyproject.toml", folder)
            for package in _PACKAGES:
                unwanted = shutil.ignore_patterns("*.so", "__pycache__", "results")
                shutil.copytree(_HOME / package, folder / package, ignore=unwanted)
        if not any(map(shutil.which, _COMPILERS)):
            notes().print("No C compiler found: the compiled build is left out.", highlight=False)
            yield Builds(pure, None)
            return
        kept = kept_build(compiled)
        if not kept.is_dir():
            notes().print("Compiling, two minutes (kept for the next run on the same sources)", highlight=False)
            compile_in(compiled, *COMMON_JOB)
            _keep(compiled, kept)
        else:
            shutil.copytree(kept, compiled, dirs_exist_ok=True)
        yield Builds(pure, compiled)


def _keep(folder: Path, kept: Path) -> None:
    """Only what the compiler made; the oldest of many builds are removed."""
    partial = kept.with_suffix(f".{os.getpid()}")
    for made in folder.rglob("*.so"):
        # What setuptools worked in holds the same files a second time.
        if made.relative_to(folder).parts[0] != "build":
            target = partial / made.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(made, target)
    partial.rename(kept)
    for old in sorted(kept.parent.iterdir(), key=lambda each: each.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def main() -> None:
    """Compile the working tree itself, in place: ``make compile``."""
    try:
        compile_in(_HOME)
    except BuildFailedError as error:
        sys.exit(str(error))
    notes().print(f"compiled {len(compiled_modules())} modules in place; `make pure` takes them away", highlight=False)


if __name__ == "__main__":
    main()
