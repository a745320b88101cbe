"""The OpenAPI description as a page to read: one file, without scripts, without anything from elsewhere.

The pages that Litestar brings load their programs from CDNs. Machines in shops often reach none, and a program from
elsewhere would run in the origin of the API.
"""

import re
from collections.abc import Iterator
from html import escape
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_CODE: Final = re.compile("`([^`]+)`")
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: #f4f4f4; border-radius: 4px; }
code { padding: 0 .25em; } pre { padding: .75rem; overflow-x: auto; } pre code { padding: 0; }
h2 { margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem; }
table { border-collapse: collapse; } td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; }
summary { cursor: pointer; }
"""
_HEAD: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    # The header of the API forbids all; this page brings its own style and nothing else.
    "<style>{style}</style><title>{title}</title>"
)


class ReferencePage(OpenAPIRenderPlugin):
    """Renders every route with its parameters, bodies, answers and schemas."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002 - Litestar's signature
        """The whole page."""
        info = openapi_schema["info"]
        title = f"{info['title']} {info['version']}"
        page = [_HEAD.format(style=_STYLE, title=escape(title)), f"<h1>{escape(title)}</h1>"]
        page.append(f"<p>{_words(info.get('description', ''))}</p><p><a href='docs/openapi.json'>openapi.json</a></p>")
        for path, item in openapi_schema["paths"].items():
            for method in _METHODS:
                if method in item:
                    page += _operation(method, path, item[method])
        page.append("<h2>Schemas</h2>")
        for name, schema in openapi_schema["components"].get("schemas", {}).items():
            page.append(f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary>{_json(schema)}")
            page.append("</details>")
        return "".join(page).encode()


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{_words(operation.get('summary', ''))}</p>"
    if operation.get("description"):
        yield f"<p>{_words(operation['description'])}</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "<table><tr><th>parameter<th>in<th>meaning</tr>"
        for each in parameters:
            needed = "" if each.get("required") else " (optional)"
            told = _words(each.get("description", ""))
            yield f"<tr><td><code>{escape(each['name'])}</code><td>{each['in']}{needed}<td>{told}</tr>"
        yield "</table>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>body <code>{escape(kind)}</code>: {_reference(content)}</p>{_examples(content)}"
    yield "<table><tr><th>answer<th>meaning<th>body</tr>"
    answers = sorted(operation["responses"].items())
    for status, answer in answers:
        bodies = [f"<code>{escape(kind)}</code> {_reference(told)}" for kind, told in answer.get("content", {}).items()]
        yield f"<tr><td>{escape(status)}<td>{_words(answer.get('description', ''))}<td>{', '.join(bodies)}</tr>"
    yield "</table>"
    for told in (told for status, answer in answers if status < "3" for told in answer.get("content", {}).values()):
        yield _examples(told)


def _words(text: str) -> str:
    """Text, in which backticks surround code as they do in Markdown."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _reference(content: dict[str, Any]) -> str:
    schema = content.get("schema", {})
    names = [str(each["$ref"]).rpartition("/")[2] for each in (schema, *schema.get("allOf", ())) if "$ref" in each]
    return ", ".join(f"<a href='#{escape(name)}'>{escape(name)}</a>" for name in names)


def _examples(content: dict[str, Any]) -> str:
    told = [each["value"] for each in content.get("examples", {}).values() if "value" in each]
    return "".join(_json(each) for each in (*told, *content.get("schema", {}).get("examples", ())))


def _json(value: object) -> str:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"<pre><code>{escape(text)}</code></pre>"
