"""How much of a request is read before it is known who asks.

httptools collects a request's line and headers without a limit; whoever never ends them would fill the memory.
"""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s"
)


class _HeadTooLarge(Exception):
    """Ends the parsing of a request."""


def limited_protocol(max_bytes: int) -> type[HttpToolsProtocol]:
    """Uvicorn's HTTP protocol, which answers 431 (RFC 6585) and hangs up past ``max_bytes`` of line and headers."""
    body = (
        b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431,'
        b'"detail":"the request line and the headers may have %d bytes together"}' % max_bytes
    )
    answer = _TOO_LARGE % (len(body), body)

    class LimitedProtocol(HttpToolsProtocol):
        #: Bytes that came since the headers began and did not end them.
        _unfinished = 0
        _in_head = False
        _too_large = False

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._in_head:
                self._unfinished += len(data)
                if self._unfinished > max_bytes and not self.transport.is_closing():
                    self._hang_up()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head, self._unfinished = True, 0

        def on_headers_complete(self) -> None:
            self._in_head = False
            if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > max_bytes:
                self._too_large = True
                raise _HeadTooLarge  # ends in send_400_response
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            if self._too_large:
                self._hang_up()
            else:
                super().send_400_response(msg)

        def _hang_up(self) -> None:
            self.transport.write(answer)
            self.transport.close()

    return LimitedProtocol
