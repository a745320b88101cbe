"""The projector of a round's scores, as a process of its own."""

import asyncio
import signal
import sys

from pydantic import SecretStr

from bench.contenders.memberpulse import settings_for
from bench.job import Job, tell
from streams.config import MetricsSettings, RedisSettings
from streams.projector.process import run


def main() -> None:
    """Project into the Redis that the second argument names, until SIGTERM."""
    settings = settings_for(Job.from_arguments()).model_copy(
        update={"redis": RedisSettings(url=SecretStr(sys.argv[2])), "metrics": MetricsSettings(project_port=0)}
    )

    async def life() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        tell(ready=True)
        await run(settings, stop=stop)

    asyncio.run(life())


if __name__ == "__main__":
    main()
