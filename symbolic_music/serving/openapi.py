"""What the server says of itself: OpenAPI, and the same as a page that loads nothing from elsewhere."""

from collections.abc import Sequence
from html import escape
from typing import Any

from symbolic_music.serving.controls.description import Description
from symbolic_music.serving.limits import ServerLimits
from symbolic_music.serving.worker import CONVERTED_SUFFIXES

_FILE = {
    "midi": {"type": "string", "contentEncoding": "base64", "description": "a MIDI file"},
    "file": {"type": "string", "contentEncoding": "base64", "description": "any music file, with file_name"},
    "file_name": {
        "type": "string",
        "description": "its suffix says what it is: .mid, .abc, .musicxml …",
    },
}
_ABOUT = {
    "compose": "New pieces from nothing.",
    "continue": "A piece that goes on.",
    "infill": "Bars of tracks written anew, all else untouched.",
    "convert": "A music file as another: MIDI, ABC, MusicXML, sound, a picture or engraved pages.",
}
_EVENTS = (
    "With `Accept: text/event-stream`, server-sent events come while it is written: queued (job, waiting), begun, "
    "understood (what words mean, and which say nothing), tokens (piece, tokens), bars (piece, num_bars, midi), piece "
    "(piece, valid, midi, …), then end (seconds), or refused, failed, timed_out or cancelled (status, error). Else "
    "one JSON answer: job, pieces, seconds, and what words were understood as. Where pieces have fewer bars than were "
    "asked, because tokens ran out, the end or the answer has a notice that says so. MIDI is base64. An `X-Client` "
    "header names one of several clients of a machine, which take turns."
)


def openapi(models: Sequence[Description], limits: ServerLimits) -> dict[str, Any]:
    """The server's description in OpenAPI 3.1.

    Args:
        models: that it has.
        limits: of what it takes.
    """
    actions = [action for action in _ABOUT if any(action in model.controls for model in models)]
    paths: dict[str, Any] = {f"/{action}": {"post": _action(action, models)} for action in actions}
    paths["/convert"] = {"post": _operation("convert", [_convert_schema()])}
    paths["/jobs/{job}"] = {"delete": _cancel()}
    for path, about in (
        ("/models", "What each model does and every value that can be asked of it."),
        ("/health", "How many requests wait, and how often processes were started again."),
    ):
        paths[path] = {"get": {"summary": about, "responses": {"200": {"description": "JSON"}}}}
    most = f"Bodies hold at most {limits.body_bytes:,} bytes, files {limits.file_bytes:,}; a job lasts at most "
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "symbolic-music serve",
            "version": "1",
            "description": f"{most}{limits.job_seconds:g} s. {_EVENTS}",
        },
        "paths": paths,
    }


def _action(action: str, models: Sequence[Description]) -> dict[str, Any]:
    schemas = []
    for model in models:
        if action in model.controls:
            schema = model.to_json()["actions"][action]
            named = {"model": {"const": model.name, "type": "string"}}
            given = {} if action == "compose" else _FILE
            schemas.append({**schema, "title": model.name, "properties": named | given | schema["properties"]})
    return _operation(action, schemas)


def _convert_schema() -> dict[str, Any]:
    to = {"type": "string", "enum": [suffix[1:] for suffix in CONVERTED_SUFFIXES], "default": "mid"}
    title = {"type": "string", "description": "what pages are called"}
    about = "each track that has notes as a file of its own, to be played together; of mp3"
    apart = {"type": "boolean", "description": about, "default": False}
    return {"type": "object", "title": "convert", "properties": {**_FILE, "to": to, "title": title, "apart": apart}}


def _operation(action: str, schemas: list[dict[str, Any]]) -> dict[str, Any]:
    parts = {"file": {"type": "string", "format": "binary"}, "wishes": {"type": "string", "description": "JSON"}}
    content = {
        "application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}},
        "multipart/form-data": {"schema": {"type": "object", "properties": parts}},
    }
    answers = {
        "200": {"description": "what was written", "content": {"application/json": {}, "text/event-stream": {}}}
    }
    refusals = {
        "400": "a wish or a body that is none",
        "404": "no such model",
        "413": "too long",
        "422": "music that cannot be used, or wishes that no piece can have together",
        "429": "too many requests wait",
        "500": "the model's process died",
        "504": "it takes too long",
    }
    answers |= {status: {"description": about} for status, about in refusals.items()}
    return {"summary": _ABOUT[action], "requestBody": {"content": content}, "responses": answers}


def _cancel() -> dict[str, Any]:
    parameter = {"name": "job", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "summary": "Cancel a job.",
        "parameters": [parameter],
        "responses": {"200": {"description": "it ends"}, "404": {"description": "it is over, or never was"}},
    }


def documentation(said: dict[str, Any]) -> str:
    """A page for people, of what `openapi` says."""
    sections = "".join(
        f"<h2>{escape(method.upper())} {escape(path)}</h2><p>{escape(operation['summary'])}</p>"
        f"{''.join(map(_table, _schemas(operation)))}"
        for path, methods in said["paths"].items()
        for method, operation in methods.items()
    )
    info = said["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{escape(info["title"])}</title></head><body>'
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a>, <a href="/models">models</a>.</p>{sections}'
        "</body></html>"
    )


def _schemas(operation: dict[str, Any]) -> list[dict[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return schema.get("anyOf", [schema] if schema else [])


def _table(schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_values(entry))}</td>"
        f"<td>{escape(str(entry.get('description', '')))}</td></tr>"
        for name, entry in schema["properties"].items()
    )
    return f"<h3>{escape(schema['title'])}</h3><table><tr><th>name</th><th>values</th><th></th></tr>{rows}</table>"


def _values(schema: dict[str, Any]) -> str:
    inner = schema.get("items", schema)
    types = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
    values = str(inner.get("const", " or ".join(types)))
    if "enum" in inner:
        values = ", ".join(inner["enum"])
    elif "minimum" in inner:
        values += f", {inner['minimum']} " + (f"to {inner['maximum']}" if "maximum" in inner else "or more")
    values += " in base64" if schema.get("contentEncoding") == "base64" else ""
    default = f"; such as {schema['examples'][0]}" if "examples" in schema else ""
    default += f"; default {schema['default']}" if "default" in schema else ""
    return f"{'list of ' if inner is not schema else ''}{values}{default}"
