"""A test delivery: the request that an endpoint would get, with an event that means nothing."""

import uuid

import orjson

from streams.instants import instant_text
from streams.webhooks.attempt import Accepted, EndpointClient
from streams.webhooks.endpoint_file import Endpoint
from streams.webhooks.outcome import CONTENT_TYPE
from streams.webhooks.signing_secrets import Signer

_TYPE = "memberpulse.webhook.test.v1"


async def try_out(name: str, endpoint: Endpoint, now: float) -> Accepted:
    """Send one test delivery; ``now`` is epoch seconds.

    Raises:
        AttemptFailed: the endpoint did not accept it.
        UnusableSecretError: a secret is unusable.
    """
    message_id = str(uuid.uuid4())
    body = orjson.dumps(
        {
            "specversion": "1.0",
            "id": message_id,
            "type": _TYPE,
            "source": "/memberpulse/deliver",
            "time": instant_text(int(now * 1000)),
            "datacontenttype": "application/json",
            "data": {"kind": "webhook.test", "endpoint": name, "sentence": "a test delivery, about nobody"},
        }
    )
    headers = Signer(name, endpoint.secrets).headers(message_id, now, body.decode())
    async with EndpointClient(endpoint) as client:
        return await client.post(body, {**headers, "content-type": CONTENT_TYPE}, now)
