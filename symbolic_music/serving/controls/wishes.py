"""What music can be asked to be, as controls of a request: made of what `abilities` says that a codec can be asked.

An ability that is not known here is offered as what its field in `Controls` is: a switch, a whole number, or what a
function of `written` reads, which is a choice, a span or a text as the ability says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args, get_type_hints

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.controls.asked import ControlError, Controls, Key
from symbolic_music.events.controls.clashes import name_of
from symbolic_music.events.controls.dialect import dialect_of
from symbolic_music.generation.controls import written
from symbolic_music.generation.controls.abilities import abilities
from symbolic_music.generation.controls.joined import join
from symbolic_music.generation.controls.words import Understood, understand
from symbolic_music.score.programs import program_name
from symbolic_music.serving.controls.control import Control

NAMES = {"bpm": "tempo", "bars": "num_bars"}
"""What abilities are called in a request, where that is another name."""
_FIELDS = {"range": "ranges"}
_MOST_INSTRUMENTS, _MOST_NOTES = 16, 256
"""Instruments of a piece and notes in a bar that a request may ask for, where the model sets no lower bound."""
_LONGEST_WORDS, _LONGEST_TEXT = 300, 2_000
_LONGEST_SHOWN = 120
_ALL_KEYS = tuple(sorted(str(Key(fifths, minor)) for fifths in range(-7, 8) for minor in (False, True)))


def musical_controls(codec: ScoreCodec) -> tuple[Control, ...]:
    """All that a model can be asked for besides a number of bars, which has a default; words come first."""
    found = [_control(name, said, codec) for name, said in abilities(codec).items() if name != "bars"]
    return tuple(sorted((control for control in found if control), key=lambda control: control.name != "ask"))


def _control(ability: str, said: Any, codec: ScoreCodec) -> Control | None:
    """Of one ability; None where nothing says how its value is read."""
    name = NAMES.get(ability, ability.replace("-", "_"))
    field = _FIELDS.get(name, name)
    if name in _KNOWN:
        return _KNOWN[name](name, said, codec)
    details = said if isinstance(said, Mapping) else {}
    made = partial(Control, name, about=details.get("counts", said if isinstance(said, str) else ability), field=field)
    bounds: dict[str, Any] = {side: details.get(end) for side, end in (("low", "from"), ("high", "to"))}
    bounds = {side: bound for side, bound in bounds.items() if isinstance(bound, (int, float))}
    types = set(get_args(get_type_hints(Controls).get(field))) - {type(None)}
    if types == {bool}:
        return made("boolean")
    if types == {int}:
        return made("integer", **bounds)
    parse = getattr(written, f"parse_{field}", None)
    if isinstance(said, list) and (parse or types == {str}):
        return made("choice", choices=tuple(map(str, said)), parse=parse)
    if parse is None:
        return None
    return made("span" if details else "text", most=_LONGEST_TEXT, parse=parse, **bounds)


def _words(name: str, said: Any, codec: ScoreCodec) -> Control:
    example = "a slow waltz in D minor for violin and cello, sparse"
    about = "what the piece shall be, in English words; what was understood is told"
    return Control(name, "text", about, most=_LONGEST_WORDS, example=example, parse=understand)


def _tempo(name: str, said: Any, codec: ScoreCodec) -> Control:
    bounds = {"low": said["from"], "high": said["to"], "most": 40, "example": "80-100"}
    return Control(
        name, "span", "quarter notes per minute, or a range", **bounds, field=name, parse=written.parse_tempo
    )


def _meter(name: str, said: Any, codec: ScoreCodec) -> Control:
    return Control(name, "choice", "of every bar", choices=tuple(said), field=name)


def _key(name: str, said: Any, codec: ScoreCodec) -> Control:
    choices = tuple(said) if isinstance(said, list) else _ALL_KEYS
    about = "major, or minor with an m; no notes but its scale's"
    return Control(name, "choice", about, choices=choices, field=name)


def _instruments(about: str, name: str, said: Any, codec: ScoreCodec) -> Control:
    dialect = dialect_of(codec)
    choices = tuple(program_name(program) for program in dialect.programs)
    most = min(dialect.max_voices or _MOST_INSTRUMENTS, _MOST_INSTRUMENTS)
    return Control(name, "choices", about, choices=choices, most=most, field=name, parse=_programs)


def _programs(names: Sequence[str]) -> tuple[int, ...] | None:
    return written.parse_instruments(",".join(names)) if names else None


def _range(name: str, said: Any, codec: ScoreCodec) -> Control:
    about = f"lowest and highest pitch, of all or by instrument; this model has {said['from']} to {said['to']}"
    example = "Violin:G3-E6, Cello:C2-A4"
    field, parse = _FIELDS[name], written.parse_ranges
    return Control(name, "text", about, most=_LONGEST_TEXT, example=example, field=field, parse=parse)


def _playable(name: str, said: Any, codec: ScoreCodec) -> Control:
    return Control(name, "boolean", "keep instruments within what players can play")


def _density(name: str, said: Any, codec: ScoreCodec) -> Control:
    about = "fewest and most notes that begin in each bar"
    bounds = {"low": said["from"], "high": _MOST_NOTES, "most": 40, "example": "4-12"}
    return Control(name, "span", about, **bounds, field=name, parse=_notes_in_a_bar)


def _notes_in_a_bar(text: str) -> tuple[int, int]:
    low, high = written.parse_density(text)
    if high > _MOST_NOTES:
        raise ControlError(f"the density is {text!r}; expected at most {_MOST_NOTES} notes in a bar")
    return low, high


def _chords(name: str, said: Any, codec: ScoreCodec) -> Control:
    example = "C | Am | F G7 | C"
    return Control(
        name, "text", str(said), most=_LONGEST_TEXT, example=example, field=name, parse=written.parse_chords
    )


def _ending(name: str, said: Any, codec: ScoreCodec) -> Control:
    return Control(name, "boolean", str(said), field=name)


def _file(name: str, said: Any, codec: ScoreCodec) -> Control:
    about = f"{said}; MIDI; bars, meter and tempo are its own where no others are asked for"
    return Control(name, "file", about, field=name)


_KNOWN: dict[str, Callable[[str, Any, ScoreCodec], Control]] = {
    "ask": _words,
    "tempo": _tempo,
    "meter": _meter,
    "key": _key,
    "instruments": partial(_instruments, "exactly these, in order"),
    "with_instruments": partial(_instruments, "these at the least"),
    "range": _range,
    "playable": _playable,
    "density": _density,
    "chords": _chords,
    "ending": _ending,
    "keep": _file,
    "rhythm": _file,
    "pitches": _file,
}


@dataclass(frozen=True)
class Asked:
    """What a request asks the music to be.

    Attributes:
        controls: all of it.
        words: what its words were understood as, or None where there were none.
    """

    controls: Controls
    words: Understood | None

    def reading(self) -> dict[str, Any]:
        """What the words were understood as, for JSON; nothing where there were none."""
        if self.words is None:
            return {}
        understood = [
            {"words": self.words.said[name], "meaning": _short(name_of(self.words.controls, name))}
            for name in self.words.controls.asked
        ]
        return {"understood": understood, "not_understood": list(self.words.unknown)}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def asked_of(controls: Sequence[Control], wishes: Mapping[str, Any]) -> Asked:
    """What checked wishes ask the music to be.

    Args:
        controls: of the action.
        wishes: as `Description.read` gives them; of files, what they give.

    Raises:
        ControlError: when two of them clash.
    """
    words = wishes.get("ask")
    found = {control.field: wishes[control.name] for control in controls if control.field}
    found = {field: value for field, value in found.items() if value is not None and value is not False}
    said = words.controls if words else Controls()
    if wishes.get("num_bars") is not None:
        found["bars"] = wishes["num_bars"]
    return Asked(join(said, found, bool(wishes.get("playable"))), words)
