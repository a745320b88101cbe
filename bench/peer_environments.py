"""What the peers run on, apart from the project's own environment: kept in this user's cache, made on first use."""

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jgo.maven import Artifact, Dependency, MavenContext

from streams.commands.output import notes
from streams.devstack import DevStackError
from streams.devstack.java import KAFKA_VERSION, cache_directory, java

PROGRAMS: Final = Path(__file__).parent / "peers"
_STREAMS: Final = ("org.apache.kafka", "kafka-streams", KAFKA_VERSION)
# The wheel's Java has no compiler of its own; Eclipse's is a jar.
_COMPILER: Final = ("org.eclipse.jdt", "ecj", "3.43.0")
_LANGUAGE: Final = "-21"
_TIMEOUT_S: Final = 30


class PeerUnavailableError(Exception):
    """A peer cannot be run on this machine; the others can."""


@dataclass(frozen=True, slots=True)
class JavaProgram:
    """A compiled class and what it needs."""

    launcher: Path
    classpath: str
    main: str


def java_program(main: str) -> JavaProgram:
    """Compile ``peers/MAIN.java`` against Kafka Streams; a second call finds it compiled.

    Raises:
        PeerUnavailableError: a jar could not be fetched, or the compiler refused.
    """
    source = PROGRAMS / f"{main}.java"
    home = cache_directory() / f"kafka-streams-{KAFKA_VERSION}"
    try:
        launcher = java()
        context = MavenContext(repo_cache=home / "repository", timeout=_TIMEOUT_S)
        compiler, streams = (_artifact(context, *each) for each in (_COMPILER, _STREAMS))
        named, brought = context.resolver.resolve([Dependency(streams, scope="compile")])
        jars = [each.artifact.resolve() for each in (*named, *brought) if each.scope in ("compile", "runtime")]
        compiler_jar = compiler.resolve()
    except (DevStackError, RuntimeError, ValueError, OSError) as error:
        raise PeerUnavailableError(f"Kafka Streams {KAFKA_VERSION} could not be fetched: {error}") from error
    libraries = os.pathsep.join(map(str, jars))
    classes = home / f"classes-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not classes.is_dir():
        partial = classes.with_suffix(f".{os.getpid()}")
        command = [launcher, "-jar", compiler_jar, _LANGUAGE, "-cp", libraries, "-d", partial, source]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerUnavailableError(f"{source.name} could not be compiled: {done.stderr[-1000:]}")
        partial.rename(classes)
    return JavaProgram(launcher, os.pathsep.join((str(classes), libraries)), main)


def jar(group: str, name: str, version: str) -> Path:
    """A jar of Maven Central, without what it depends on; a second call finds it fetched.

    Raises:
        PeerUnavailableError: it could not be fetched.
    """
    try:
        context = MavenContext(repo_cache=cache_directory() / "bench-jars", timeout=_TIMEOUT_S)
        return _artifact(context, group, name, version).resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise PeerUnavailableError(f"{name} {version} could not be fetched: {error}") from error


def java_home() -> Path:
    """The directory of the same Java as the broker's.

    Raises:
        PeerUnavailableError: there is none.
    """
    try:
        return java().parents[1]
    except DevStackError as error:
        raise PeerUnavailableError(str(error)) from error


def python_with(name: str, requirements: Sequence[str]) -> Path:
    """The interpreter of an environment of its own that has exactly these requirements.

    Raises:
        PeerUnavailableError: they could not be installed.
    """
    version = "".join(map(str, sys.version_info[:2]))
    mark = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    home = cache_directory() / f"bench-{name}-{version}-{mark}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        notes().print(f"Installing {', '.join(requirements)} (once) into {home}", highlight=False)
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerUnavailableError(f"{', '.join(requirements)} could not be installed: {done.stderr[-1000:]}")
        (home / "complete").touch()
    return python


def _artifact(context: MavenContext, group: str, name: str, version: str) -> Artifact:
    return context.project(group, name).at_version(version).artifact()
