"""What can be asked of a model, in one table: programs read it, forms are made of it, and wishes are checked by it.

A wish that is added to a model becomes one more row here. Knows neither HTTP nor processes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.score.programs import DRUMS, program_name

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from symbolic_music.generation.light import LightModel
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor

MOST_BARS, MOST_PIECES = 512, 8
"""Bars and pieces that one request may ask for, where the model sets no lower bound."""
_HIGHEST_TEMPERATURE = 10.0


class WishError(ValueError):
    """A wish that a model does not know or that is out of range; the message is one line that names it."""


@dataclass(frozen=True)
class Control:
    """One thing that can be asked.

    Attributes:
        name: of the value in a request.
        kind: "integer", "number", "choice", "choices" (a list of them) or "integers".
        about: what it does, in a few words.
        default: what holds where it is left out; None leaves it to the model.
        low: smallest value.
        high: greatest value; of lists, of each value in it.
        choices: what may be chosen.
        most: values in a list.
    """

    name: str
    kind: str
    about: str
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    most: int | None = None

    def read(self, value: Any) -> Any:
        """The value that a request gives, checked.

        Raises:
            WishError: when it is not one that this control takes.
        """
        return _READERS[self.kind](self, value)

    def schema(self) -> dict[str, Any]:
        """As JSON Schema has it."""
        bounds = {"minimum": self.low, "maximum": self.high}
        single: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
        single |= {"enum": list(self.choices)} if self.choices else {}
        types = {"integer": "integer", "integers": "integer", "number": "number"}
        single["type"] = types.get(self.kind, "string")
        if self.kind in ("choices", "integers"):
            single = {"type": "array", "items": single} | ({"maxItems": self.most} if self.most else {})
        return single | {"description": self.about} | ({} if self.default is None else {"default": self.default})


def _integer(control: Control, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WishError(f"{control.name} is {_shown(value)}; expected a whole number")
    return int(_within(control, value))


def _number(control: Control, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise WishError(f"{control.name} is {_shown(value)}; expected a number")
    return float(_within(control, value))


def _within(control: Control, value: float) -> float:
    low, high = control.low, control.high
    if (low is not None and value < low) or (high is not None and value > high):
        expected = f"{low:.10g} or more" if high is None else f"{low:.10g} to {high:.10g}"
        raise WishError(f"{control.name} is {_shown(value)}; expected {expected}")
    return value


def _choice(control: Control, value: Any) -> str:
    if value not in control.choices or not isinstance(value, str):
        near = ", ".join(control.choices[:24]) + (" …" if len(control.choices) > 24 else "")
        raise WishError(f"{control.name} is {_shown(value)}; expected one of {near}")
    return value


def _list_of(reader: Callable[[Control, Any], Any]) -> Callable[[Control, Any], list[Any]]:
    def read(control: Control, value: Any) -> list[Any]:
        if not isinstance(value, list) or (control.most is not None and len(value) > control.most):
            many = "a list" if control.most is None else f"a list of at most {control.most}"
            raise WishError(f"{control.name} is {_shown(value)}; expected {many}")
        return [reader(control, entry) for entry in value]

    return read


_READERS: dict[str, Callable[[Control, Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "choice": _choice,
    "choices": _list_of(_choice),
    "integers": _list_of(_integer),
}


def _shown(value: Any) -> str:
    """A value as a message may repeat it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


@dataclass(frozen=True)
class Description:
    """What a model does and what can be asked of it.

    Attributes:
        name: of the model.
        codec: how it writes music.
        context: its longest sequence in tokens.
        tells_bars: whether bars can be heard while the rest is being written.
        controls: by action ("compose", "continue", "infill"), what can be asked.
    """

    name: str
    codec: str
    context: int
    tells_bars: bool
    controls: dict[str, tuple[Control, ...]]

    def read(self, action: str, wishes: Mapping[str, Any]) -> dict[str, Any]:
        """Wishes, checked, with defaults where nothing was asked; None leaves a thing to the model.

        Raises:
            WishError: when the model doesn't do this, or for a wish that it doesn't know or that is out of range.
        """
        if action not in self.controls:
            raise WishError(f"{self.name} does not {action}; it can {' and '.join(self.controls)}")
        controls = {control.name: control for control in self.controls[action]}
        unknown = sorted(wishes.keys() - controls.keys())
        if unknown:
            raise WishError(f"{self.name} knows no {_shown(unknown[0])}; expected {', '.join(controls)}")
        return {
            name: control.default if wishes.get(name) is None else control.read(wishes[name])
            for name, control in controls.items()
        }

    def to_json(self) -> dict[str, Any]:
        """For programs: controls as JSON Schema."""
        actions = {
            action: {"type": "object", "properties": {control.name: control.schema() for control in controls}}
            for action, controls in self.controls.items()
        }
        return {
            "name": self.name,
            "codec": self.codec,
            "context": self.context,
            "tells_bars": self.tells_bars,
            "actions": actions,
        }


def describe(
    name: str, model: "PreTrainedModel | LightModel", processor: "MusicProcessor | EventTokenizer"
) -> Description:
    """What a model does."""
    codec, context = processor.codec, model.config.max_position_embeddings
    sampling = _sampling(model.generation_config, context)
    is_track_text = isinstance(codec, TrackTextCodec)
    actions: dict[str, tuple[Control, ...]] = {}
    if isinstance(codec, TrackTextCodec) and codec.settings.max_masks:
        actions["infill"] = (*_infilling(codec), *sampling)
    else:
        actions["compose"] = (*_composing(codec), *sampling)
        if not is_track_text:
            actions["continue"] = (*_continuing(), *sampling)
    return Description(name, codec.codec_type, context, not processor.grammar().header_names_bars, actions)


def _sampling(said: Any, context: int) -> tuple[Control, ...]:
    return (
        Control("num_samples", "integer", "how many pieces", 1, 1, MOST_PIECES),
        Control("seed", "integer", "the same seed gives the same pieces", 0, 0, 2**32 - 1),
        Control(
            "temperature", "number", "0 takes the likeliest token", said.temperature or 1.0, 0.0, _HIGHEST_TEMPERATURE
        ),
        Control("top_p", "number", "nucleus sampling; 1 is off", said.top_p or 1.0, 0.01, 1.0),
        Control("max_length", "integer", "longest piece in tokens", context, 16, context),
    )


def _bars(most: int, default: int) -> Control:
    return Control("num_bars", "integer", "bars of each piece, given ones included", default, 1, most)


def _composing(codec: Any) -> tuple[Control, ...]:
    if not isinstance(codec, TrackTextCodec):
        return (_bars(MOST_BARS, 8),)
    tempos, most = codec.settings.tempo_range, codec.settings.max_tracks
    return (
        _bars(codec.settings.max_bars, min(8, codec.settings.max_bars)),
        Control("tempo", "integer", "quarter notes per minute", None, *tempos),
        Control("meter", "choice", "bars of the piece", choices=_values(codec, "Meter")),
        Control("key", "choice", "major, or minor with an m", choices=_values(codec, "Key")),
        Control("instruments", "choices", "one for each line", choices=_instruments(codec), most=most),
    )


def _continuing() -> tuple[Control, ...]:
    about = "bars of the file to keep; left out, all of them"
    return (_bars(MOST_BARS, 16), Control("prompt_bars", "integer", about, None, 1, MOST_BARS))


def _infilling(codec: TrackTextCodec) -> tuple[Control, ...]:
    most = codec.settings.max_bars
    return (
        Control("first_bar", "integer", "first bar to write anew, from 1", 1, 1),
        Control("last_bar", "integer", f"last bar to write anew; at most {most} bars at once", 1, 1),
        Control("tracks", "integers", "tracks to write anew, from 1; left out, all", None, 1, 999, most=64),
    )


def _values(codec: TrackTextCodec, kind: str) -> tuple[str, ...]:
    return tuple(event.partition("_")[2] for event in codec.events if event.startswith(f"{kind}_"))


def _instruments(codec: TrackTextCodec) -> tuple[str, ...]:
    numbers = _values(codec, "Instrument")
    return tuple(program_name(int(number) if number.isdecimal() else DRUMS) for number in numbers)
