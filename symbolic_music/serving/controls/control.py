"""One thing that can be asked: its values as JSON Schema has them, and how a request's value is checked."""

from base64 import b64decode
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import isfinite
from typing import Any

from symbolic_music.events.controls.asked import ControlError

_LONGEST_MESSAGE = 300


class WishError(ValueError):
    """A wish that a model does not know or that is out of range; the message is one line that names it."""


@dataclass(frozen=True)
class Control:
    """One thing that can be asked.

    Attributes:
        name: of the value in a request.
        kind: "integer", "number", "boolean", "text", "span" (a number, or a text such as "80-100"), "choice",
            "choices" (a list of them), "integers", or "file" (MIDI in base64, of which the bytes are kept).
        about: what it does, in a few words.
        default: what holds where it is left out; None leaves it to the model.
        low: smallest value.
        high: greatest value; of lists, of each value in it.
        choices: what may be chosen.
        most: values in a list; characters of a text.
        example: a value, for texts and spans.
        said_by: other controls that may say it; where one of them is given, it is left out without its default.
        field: of `Controls` that it is; empty where it is none of the music's.
        parse: what makes the field's value of a checked one, or raises `ControlError`.
    """

    name: str
    kind: str
    about: str
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    most: int | None = None
    example: str = ""
    said_by: tuple[str, ...] = ()
    field: str = ""
    parse: Callable[[Any], Any] | None = None

    def read(self, value: Any) -> Any:
        """The value that a request gives, checked; of a control of the music, what its field in `Controls` takes.

        Raises:
            WishError: when it is not one that this control takes.
        """
        checked = _READERS[self.kind](self, value)
        if self.parse is None:
            return checked
        try:
            return self.parse(checked)
        except ControlError as error:
            raise WishError(f"{self.name}: {_shortened(str(error))}") from error

    def default_beside(self, given: Collection[str]) -> Any:
        """What holds where it is left out, beside controls that are given."""
        return None if any(name in given for name in self.said_by) else self.default

    def schema(self) -> dict[str, Any]:
        """As JSON Schema has it; "x-said-by" names other properties that may say the same."""
        bounds = {"minimum": self.low, "maximum": self.high}
        single: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
        single |= {"enum": list(self.choices)} if self.choices else {}
        single["type"] = _TYPES.get(self.kind, "string")
        if self.kind in ("choices", "integers"):
            single = {"type": "array", "items": single} | ({"maxItems": self.most} if self.most else {})
        elif self.most is not None:
            single["maxLength"] = self.most
        if self.kind == "file":
            single |= {"contentEncoding": "base64", "contentMediaType": "audio/midi"}
        optional = {"examples": [self.example] if self.example else [], "x-said-by": list(self.said_by)}
        single |= {name: values for name, values in optional.items() if values}
        return single | {"description": self.about} | ({} if self.default is None else {"default": self.default})


_TYPES: dict[str, Any] = {
    "integer": "integer",
    "integers": "integer",
    "number": "number",
    "boolean": "boolean",
    "span": ["number", "string"],
}


def _integer(control: Control, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WishError(f"{control.name} is {shown(value)}; expected a whole number")
    return int(_within(control, value))


def _number(control: Control, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise WishError(f"{control.name} is {shown(value)}; expected a number")
    return float(_within(control, value))


def _within(control: Control, value: float) -> float:
    low, high = control.low, control.high
    if (low is not None and value < low) or (high is not None and value > high):
        expected = f"{low:.10g} or more" if high is None else f"{low:.10g} to {high:.10g}"
        raise WishError(f"{control.name} is {shown(value)}; expected {expected}")
    return value


def _boolean(control: Control, value: Any) -> bool:
    if not isinstance(value, bool):
        raise WishError(f"{control.name} is {shown(value)}; expected true or false")
    return value


def _text(control: Control, value: Any) -> str:
    if not isinstance(value, str) or len(value) > (control.most or len(value)):
        such = f", such as {control.example!r}" if control.example else ""
        raise WishError(f"{control.name} is {shown(value)}; expected text of at most {control.most} characters{such}")
    return value


def _span(control: Control, value: Any) -> str:
    if isinstance(value, str):
        return _text(control, value)
    return f"{_number(control, value):.10g}"


def _choice(control: Control, value: Any) -> str:
    if value not in control.choices or not isinstance(value, str):
        near = ", ".join(control.choices[:24]) + (" …" if len(control.choices) > 24 else "")
        raise WishError(f"{control.name} is {shown(value)}; expected one of {near}")
    return value


def _file(control: Control, value: Any) -> bytes:
    try:
        data = b64decode(value, validate=True)
    except (TypeError, ValueError):
        data = b""
    if not data.startswith(b"MThd"):
        raise WishError(f"{control.name} is {shown(value)}; expected a MIDI file in base64")
    return data


def _list_of(reader: Callable[[Control, Any], Any]) -> Callable[[Control, Any], list[Any]]:
    def read(control: Control, value: Any) -> list[Any]:
        if not isinstance(value, list) or (control.most is not None and len(value) > control.most):
            many = "a list" if control.most is None else f"a list of at most {control.most}"
            raise WishError(f"{control.name} is {shown(value)}; expected {many}")
        return [reader(control, entry) for entry in value]

    return read


_READERS: dict[str, Callable[[Control, Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "span": _span,
    "choice": _choice,
    "file": _file,
    "choices": _list_of(_choice),
    "integers": _list_of(_integer),
}


def shown(value: Any) -> str:
    """A value as a message may repeat it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _shortened(message: str) -> str:
    """A message without the middle of what it repeats, where that is long."""
    half = _LONGEST_MESSAGE // 2
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:half]} … {message[-half:]}"
