"""The product as pure Python and compiled, each in a folder of its own, whatever the working tree happens to hold."""

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

_HOME: Final = Path(__file__).parents[1]
_PACKAGES: Final = ("scoring", "streams", "bench")
# mypyc's own command leaves it to setuptools to find packages, which refuses a folder that has several.
_SETUP: Final = """
import sys
from mypyc.build import mypycify
from setuptools import setup
modules, sys.argv = sys.argv[1:], ["setup.py", "--quiet", "build_ext", "--inplace"]
setup(name="memberpulse", packages=[], ext_modules=mypycify(modules, debug_level="0"))
"""
_COMPILERS: Final = ("cc", "gcc", "clang")


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


def compile_in(folder: Path) -> None:
    """Compile a copy of the project in place.

    Raises:
        BuildFailedError: with the last lines of what the compiler said.
    """
    options = ["--config-file=pyproject.toml", "--follow-imports=silent"]
    done = subprocess.run(
        [sys.executable, "-c", _SETUP, *options, *compiled_modules()],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise BuildFailedError("compiling failed:\n" + done.stdout[-2000:])


@contextmanager
def builds() -> Iterator[Builds]:
    """Make both builds, and remove them at the end."""
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
        notes().print("Compiling", highlight=False)
        compile_in(compiled)
        yield Builds(pure, compiled)


def main() -> None:
    """Compile the working tree itself, in place: ``make compile``."""
    try:
        compile_in(_HOME)
    except BuildFailedError as error:
        sys.exit(str(error))
    notes().print(f"compiled {len(compiled_modules())} modules in place; `make pure` takes them away", highlight=False)


if __name__ == "__main__":
    main()
