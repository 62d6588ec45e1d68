"""/docs: the reference, made from the OpenAPI description alone; it loads nothing and runs no script."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from api.pages import page
from api.problems import KINDS

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def reference(request: Request) -> Response:
    """Show every call, its fields, and every code that a problem may have."""
    app: FastAPI = request.app
    description = app.openapi()
    about = escape(description["info"]["description"])
    parts = [
        f'<p>{about} <a href="/openapi.json">OpenAPI description</a>, <a href="#problems">problems</a></p>',
        *_operations(description),
        '<h2 id="problems">Problems</h2><table><tr><th>status</th><th>code</th><th>title</th></tr>',
        *(
            f'<tr id="{code}"><td>{kind.status}</td><td><code>{code}</code></td><td>{escape(kind.title)}</td></tr>'
            for code, kind in KINDS.items()
        ),
        "</table>",
    ]
    return page("Certloom API", "".join(parts))


def _operations(description: Mapping[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["Other"])[0]
            by_tag.setdefault(tag, []).append(_operation(description, f"{method.upper()} {path}", operation))
    for tag, texts in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(texts)}"


def _operation(description: Mapping[str, Any], call: str, operation: Mapping[str, Any]) -> str:
    rows = [
        _row(one["name"], one.get("schema", {}), one["in"], one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if form := _resolve(description, content.get("schema", {})):
        needed = form.get("required", [])
        rows += [
            _row(name, schema, "body, required" if name in needed else "body", schema.get("description", ""))
            for name, schema in form.get("properties", {}).items()
        ]
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    answers = ", ".join(code for code in operation["responses"] if code[0] in "23")
    text = escape(operation.get("description", ""))
    return f"<h3><code>{escape(call)}</code></h3><p>{text} Answers {escape(answers)}.</p>{table}"


def _resolve(description: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = description["components"]["schemas"].get(name, schema)
    return found


def _row(name: str, schema: Mapping[str, Any], where: str, text: str) -> str:
    cells = (f"<code>{escape(name)}</code>", escape(where), f"<code>{escape(_kind(schema))}</code>", escape(text))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))
