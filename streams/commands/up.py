"""``memberpulse up``: the whole system on this machine until Ctrl-C."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from streams.commands.output import as_typed, notes, results
from streams.commands.resolve import resolved_settings, without_password
from streams.commands.topics import apply_topics
from streams.config import Settings
from streams.devstack.ports import LOOPBACK, is_free
from streams.devstack.stack import DevStack
from streams.exits import CommandError, ExitCode
from streams.supervision import ChildSpec, Supervisor, stop_on_signals

#: A crash in a row more than this often is no accident.
_RESTARTS = 5


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("up", epilog="Example: memberpulse up --fresh")(up)


def up(
    *,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="start the development stack empty and forget everything at the end")
    ] = False,
) -> None:
    """Run everything on this machine: Kafka and Redis unless the settings name a broker, the topics, the worker, the
    projector and the HTTP API; webhooks, too, where deliver.endpoints_file names their endpoints.

    The development stack keeps its records in data_dir between runs, unless --fresh. Ctrl-C or SIGTERM stops it all,
    in order.
    """
    settings = resolved_settings()
    console = notes()
    require_free_port(settings)
    if settings.deliver.endpoints_file is not None:
        from streams.webhooks.endpoint_file import load

        # The deliverer would find it, and with it everything would end, after Kafka was started.
        load(settings.deliver.endpoints_file)
    environment = dict(os.environ)
    if names_a_broker(settings):
        # Nothing of ours runs yet that would have to be stopped in order.
        apply_topics(settings)
    with stop_on_signals() as stop, ExitStack() as opened:
        if not names_a_broker(settings):
            home = None if fresh else settings.data_dir / "stack"
            settings, environment = opened.enter_context(development_stack(settings, home))
            apply_topics(settings)
        if stop.is_set():
            return
        with Supervisor(
            children(settings), console.print, environment=environment, grace=settings.score.shutdown_seconds + 10
        ) as supervisor:
            results().print("\n".join(addresses(settings)), markup=False)
            code = supervisor.run(stop)
            console.print("stopping ...")
    raise typer.Exit(code)


def children(settings: Settings) -> list[ChildSpec]:
    """What runs, in the order of starting."""
    verbs = [("worker", "worker"), ("projector", "project"), ("API", "serve")]
    if settings.deliver.endpoints_file is not None:
        verbs.append(("deliverer", "deliver"))
    return [ChildSpec(name=name, arguments=[verb], restarts=_RESTARTS) for name, verb in verbs]


def require_free_port(settings: Settings) -> None:
    """Raise :class:`CommandError` when another program has the API's port: told before anything is started."""
    serve = settings.serve
    if serve.bind == LOOPBACK and serve.port and not is_free(serve.port):
        raise CommandError(
            f"the HTTP API cannot listen on {serve.bind}:{serve.port}: the port is taken or not allowed",
            ExitCode.CONFIG,
            where="setting serve.port",
            remedy="end the program that listens there ('memberpulse serve' in another terminal?), or choose another "
            "port: MEMBERPULSE_SERVE__PORT=8081, or 0 for any free one",
        )


def names_a_broker(settings: Settings) -> bool:
    """Whether the environment or the file says which broker to use."""
    return "bootstrap" in settings.kafka.model_fields_set


@contextmanager
def development_stack(settings: Settings, home: Path | None) -> Iterator[tuple[Settings, dict[str, str]]]:
    """Kafka and Redis of our own: the settings that reach them, and the environment that gives child processes the
    same.
    """
    named_redis = "url" in settings.redis.model_fields_set
    if home is not None:
        home.mkdir(parents=True, exist_ok=True)
    with DevStack(home, redis=not named_redis) as stack:
        environment = dict(os.environ)
        kafka = settings.kafka.model_copy(update={"bootstrap": stack.broker.bootstrap})
        environment["MEMBERPULSE_KAFKA__BOOTSTRAP"] = stack.broker.bootstrap
        redis = settings.redis
        if not named_redis:
            environment["MEMBERPULSE_REDIS__URL"] = stack.redis.url
            redis = redis.model_copy(update={"url": type(redis.url)(stack.redis.url)})
        yield settings.model_copy(update={"kafka": kafka, "redis": redis}), environment


def addresses(settings: Settings) -> list[str]:
    """Where everything is, and how another terminal gets there."""
    metrics = settings.metrics
    redis = settings.redis.url.get_secret_value()
    ports = [
        ("score", metrics.score_port),
        ("ingest", metrics.ingest_port),
        ("project", metrics.project_port),
        ("tick", metrics.tick_port),
        ("serve", metrics.serve_port),
        ("deliver", metrics.deliver_port),
    ]
    if not settings.ingest.sources:
        ports = [each for each in ports if each[0] != "ingest"]
    if settings.deliver.endpoints_file is None:
        ports = [each for each in ports if each[0] != "deliver"]
    serve = settings.serve
    scheme = "http" if settings.access.tls_certfile is None else "https"
    api = f"{scheme}://{serve.bind}:{serve.port}/v1/docs" if serve.port else "on a free port, see the line of serve"
    served = ", ".join(f"http://{metrics.bind}:{port}/metrics ({name})" for name, port in ports if port)
    return [
        f"Kafka     {settings.kafka.bootstrap}",
        f"Redis     {without_password(redis)}",
        f"HTTP API  {api}",
        f"metrics   {served or 'on free ports, see the lines of each process'}",
        "",
        "In another terminal:",
        (
            f"  export MEMBERPULSE_KAFKA__BOOTSTRAP={settings.kafka.bootstrap} "
            f"MEMBERPULSE_REDIS__URL={without_password(redis)}"
        ),
        # Keys and the progress of imports lie there, wherever the other terminal stands.
        f"  export MEMBERPULSE_DATA_DIR={quote(str(settings.data_dir.absolute()))}",
        f"  {as_typed()} lag --watch",
        "",
        "Ctrl-C stops everything.",
    ]
