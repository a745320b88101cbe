"""The bounds of histograms that several parts measure the same thing by, in seconds."""

from typing import Final

#: A batch, or a read, sent to Redis and answered.
REDIS_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
#: What somebody beyond HTTP waits for.
HTTP_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 1, 5)
