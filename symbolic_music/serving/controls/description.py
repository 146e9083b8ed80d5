"""What a model does and what can be asked of it. Knows neither HTTP nor processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.serving.controls.control import Control, WishError, shown
from symbolic_music.serving.controls.wishes import musical_controls

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from symbolic_music.generation.light import LightModel
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor

MOST_BARS, MOST_PIECES = 512, 8
"""Bars and pieces that one request may ask for, where the model sets no lower bound."""
BARS_SAID_BY = ("ask", "chords", "keep", "rhythm", "pitches")
"""Controls of composing that say how many bars there are."""
_HIGHEST_TEMPERATURE = 10.0


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
        """Wishes, checked, with defaults where nothing was asked; None leaves a thing to the model or to other wishes.

        Raises:
            WishError: when the model doesn't do this, or for a wish that it doesn't know or that is out of range.
        """
        if action not in self.controls:
            raise WishError(f"{self.name} does not {action}; it can {' and '.join(self.controls)}")
        controls = {control.name: control for control in self.controls[action]}
        unknown = sorted(wishes.keys() - controls.keys())
        if unknown:
            raise WishError(f"{self.name} knows no {shown(unknown[0])}; expected {', '.join(controls)}")
        given = {name for name in controls if wishes.get(name) is not None}
        return {
            name: control.read(wishes[name]) if name in given else control.default_beside(given)
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
    name: str,
    model: "PreTrainedModel | LightModel",
    processor: "MusicProcessor | EventTokenizer",
    has_controls: bool = True,
) -> Description:
    """What a model does.

    Args:
        name: of the model.
        model: says its context and how it is sampled from.
        processor: of the model.
        has_controls: False where it is sampled from under its codec's grammar alone, and no music can be asked for.
    """
    codec, context = processor.codec, model.config.max_position_embeddings
    sampling = _sampling(model.generation_config, context)
    music = musical_controls(codec) if has_controls else ()
    is_track_text = isinstance(codec, TrackTextCodec)
    actions: dict[str, tuple[Control, ...]] = {}
    if isinstance(codec, TrackTextCodec) and codec.settings.max_masks:
        actions["infill"] = (*_infilling(codec), *music, *sampling)
    else:
        most = codec.settings.max_bars if isinstance(codec, TrackTextCodec) else MOST_BARS
        actions["compose"] = (_bars(most, min(8, most), music, BARS_SAID_BY), *music, *sampling)
        if not is_track_text:
            actions["continue"] = (_bars(most, 16, music, ("ask",)), _prompt_bars(), *music, *sampling)
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


def _bars(most: int, default: int, music: Sequence[Control], said_by: tuple[str, ...]) -> Control:
    """How many, where none of some others of the music's controls says it."""
    others = tuple(control.name for control in music if control.name in said_by)
    about = "bars of each piece, given ones included"
    about += f"; left out, as {' or '.join(others)} say, or {default}" if others else ""
    return Control("num_bars", "integer", about, default, 1, most, said_by=others)


def _prompt_bars() -> Control:
    return Control("prompt_bars", "integer", "bars of the file to keep; left out, all of them", None, 1, MOST_BARS)


def _infilling(codec: TrackTextCodec) -> tuple[Control, ...]:
    most = codec.settings.max_bars
    return (
        Control("first_bar", "integer", "first bar to write anew, from 1", 1, 1),
        Control("last_bar", "integer", f"last bar to write anew; at most {most} bars at once", 1, 1),
        Control("tracks", "integers", "tracks to write anew, from 1; left out, all", None, 1, 999, most=64),
    )
