"""The HTTP API of a round, as a process of its own."""

import sys

from pydantic import SecretStr

from bench.contenders.memberpulse import settings_for
from bench.job import Job, tell
from streams.config import LiveSettings, MetricsSettings, RedisSettings, ServeSettings
from streams.serving.process import run


def main() -> None:
    """Serve from the Redis that the second argument names, until SIGTERM."""
    settings = settings_for(Job.from_arguments()).model_copy(
        update={
            "redis": RedisSettings(url=SecretStr(sys.argv[2])),
            "metrics": MetricsSettings(serve_port=0),
            "serve": ServeSettings(port=0),
            "live": LiveSettings(),
        }
    )

    def told(line: str) -> None:
        # The line has the address of the docs first, and then that of the metrics.
        tell(port=int(line.partition("/v1/")[0].rpartition(":")[2]))

    run(settings, told)


if __name__ == "__main__":
    main()
