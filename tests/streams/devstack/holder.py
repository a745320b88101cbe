"""A program that holds a stack, for the tests that end it: prints the process ids and the home, then does as told.

Usage: holder.py [--without-kafka] wait|raise|fork
"""

import json
import os
import sys
import time

from streams.devstack import DevStack


def main(arguments: list[str]) -> None:
    how = arguments[-1]
    with DevStack(kafka="--without-kafka" not in arguments) as stack:
        pids = [stack.redis.pid] + ([] if "--without-kafka" in arguments else [stack.broker.pid])
        print(json.dumps({"pids": pids, "home": str(stack.redis.log.parent.parent)}), flush=True)
        if how == "raise":
            raise RuntimeError("on purpose")
        if how == "fork" and os.fork() == 0:
            # This child inherits the pipes to the guards and outlives its parent, as a worker of multiprocessing may.
            time.sleep(20)
            os._exit(0)
        time.sleep(120)


if __name__ == "__main__":
    main(sys.argv[1:])
