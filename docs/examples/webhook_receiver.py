"""A receiver of memberpulse's webhooks: verifies each delivery, drops what it has, and acts once.

    pip install standardwebhooks
    WEBHOOK_SECRETS="whsec_..." python webhook_receiver.py 8000 shop.db

WEBHOOK_SECRETS takes several secrets, with blanks between them, while they rotate. What came is kept in the table
outcomes, in the same transaction in which it is acted upon: a crash between the two can neither lose an outcome nor act
on it twice.
It listens on this machine only: put it behind what ends TLS for you.
"""

import json
import os
import sqlite3
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1_000_000


def verified(secrets: list[str], body: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
    """The event, if one of the secrets signed it within the last five minutes, else None."""
    for secret in secrets:
        try:
            event: dict[str, Any] = Webhook(secret).verify(body, headers)
        except (WebhookVerificationError, ValueError):
            continue
        return event
    return None


def act_once(database: sqlite3.Connection, event: dict[str, Any]) -> None:
    """Act on an event, unless it came before."""
    with database:
        outcome = [event["id"], json.dumps(event["data"])]
        inserted = database.execute("INSERT OR IGNORE INTO outcomes (id, value) VALUES (?, ?)", outcome)
        if inserted.rowcount:
            # Yours comes here: work in the same database, or a call with event["id"] as its idempotency key.
            print(event["data"]["sentence"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, whether new or not: any other answer brings the delivery again."""

    secrets: list[str]
    database: sqlite3.Connection
    timeout = 30

    def do_POST(self) -> None:
        """Take one delivery."""
        length = int(self.headers.get("content-length", 0))
        if length > LARGEST_BODY:
            self.answer(413)
            return
        event = verified(self.secrets, self.rfile.read(length), dict(self.headers))
        if event is None:
            self.answer(401)
            return
        act_once(self.database, event)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.end_headers()


def main(port: int, file: str) -> None:
    """Receive until Ctrl-C."""
    Receiver.secrets = os.environ["WEBHOOK_SECRETS"].split()
    Receiver.database = sqlite3.connect(file)
    Receiver.database.execute("CREATE TABLE IF NOT EXISTS outcomes (id TEXT PRIMARY KEY, value TEXT NOT NULL)")
    server = HTTPServer(("127.0.0.1", port), Receiver)
    print(f"listening on port {server.server_port}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
