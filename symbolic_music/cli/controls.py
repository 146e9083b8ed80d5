"""The flags by which something is asked of a model, and what they ask."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolic_music.cli.shared import UserError, read_piece

if TYPE_CHECKING:
    from symbolic_music.events.controls.asked import Controls
    from symbolic_music.events.controls.given import GivenNotes
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor


def add_controls(parser: argparse.ArgumentParser) -> None:
    """The flags, which hold in every piece or are refused."""
    group = parser.add_argument_group("what every piece shall be", "held in every piece, or refused in one line")
    group.add_argument("--ask", metavar="WORDS", help='such as "a slow waltz in D minor for violin and cello, sparse"')
    group.add_argument("--bpm", metavar="N[-M]", help="tempo in quarter notes per minute, or a range: 96 or 80-100")
    group.add_argument("--meter", metavar="N/D", help="such as 3/4")
    group.add_argument("--key", metavar="KEY", help="such as G or F#m: its signature, and no notes but its scale's")
    group.add_argument(
        "--instruments", metavar="NAMES", help="exactly these: names, numbers from 0, or Drums, in order"
    )
    group.add_argument("--with-instruments", metavar="NAMES", help="these at the least")
    group.add_argument(
        "--chords", metavar="BARS", help='such as "C | Am | F G7 | C": strong beats on chord tones, round and round'
    )
    group.add_argument("--range", metavar="RANGES", help="such as C3-C6, or Violin:G3-E6,Cello:C2-A4")
    group.add_argument("--playable", action="store_true", help="keep instruments within what players can play")
    group.add_argument("--density", metavar="N-M", help="fewest and most notes that begin in each bar, such as 4-12")
    group.add_argument(
        "--polyphony", metavar="BOUNDS", help="notes that each track begins together: 1-4, or Piano:2-4"
    )
    group.add_argument(
        "--bass-on-root",
        action="store_true",
        help="the lowest note where each chord begins is its root (needs chords)",
    )
    group.add_argument(
        "--max-repeats", type=int, metavar="N", help="repeat no bar more often than so in a row; 0: never"
    )
    group.add_argument("--ending", action="store_true", help="end on a strong beat and the tonic (needs a key)")
    files = parser.add_argument_group(
        "music files that give something", "with bars, meter and tempo of the file, where no others are asked for"
    )
    files.add_argument("--keep", metavar="FILE", help="every note of it stays; others are written around them")
    files.add_argument(
        "--rhythm", metavar="FILE", help="its instruments, onsets and durations (its melody's, for --instruments ONE)"
    )
    files.add_argument("--pitches", metavar="FILE", help="its instruments and pitches in order, at times of their own")


def add_fill_controls(parser: argparse.ArgumentParser) -> None:
    """The flags of what bars that are written anew can be asked for."""
    group = parser.add_argument_group("what the new notes shall be", "held in every one, or refused in one line")
    group.add_argument("--key", metavar="KEY", help="such as G or F#m: no notes but its scale's")
    group.add_argument("--range", metavar="RANGES", help="such as C3-C6, or Violin:G3-E6,Cello:C2-A4")
    group.add_argument("--playable", action="store_true", help="keep instruments within what players can play")
    unasked = ["ask", "bpm", "meter", "instruments", "with_instruments", "chords", "density", "ending"]
    unasked += ["polyphony", "bass_on_root", "max_repeats", "keep", "rhythm", "pitches"]
    parser.set_defaults(**dict.fromkeys(unasked))


def read_controls(options: argparse.Namespace, num_bars: int | None = None) -> "Controls | None":
    """What is asked for, or None where nothing is; words that were not understood are named on stderr.

    Raises:
        UserError: when something cannot be read, or two things clash.
    """
    from symbolic_music.events.controls.asked import ControlError, Controls
    from symbolic_music.generation.controls import written
    from symbolic_music.generation.controls.joined import join

    flags: dict[str, tuple[Any, Callable[[str], Any]]] = {
        "tempo": (options.bpm, written.parse_tempo),
        "meter": (options.meter, str.strip),
        "key": (options.key, _key),
        "instruments": (options.instruments, written.parse_instruments),
        "with_instruments": (options.with_instruments, written.parse_instruments),
        "chords": (options.chords, written.parse_chords),
        "ranges": (options.range, written.parse_ranges),
        "density": (options.density, written.parse_density),
        "polyphony": (options.polyphony, written.parse_polyphony),
        "bass_on_root": (True if options.bass_on_root else None, bool),
        "max_repeats": (options.max_repeats, int),
        "ending": (True if options.ending else None, bool),
        "keep": (options.keep, _given),
        "rhythm": (options.rhythm, _given),
        "pitches": (options.pitches, _given),
        "bars": (None if num_bars is None else str(num_bars), int),
    }
    try:
        found = {name: parse(value) for name, (value, parse) in flags.items() if value is not None}
        asked = join(_understood(options.ask), found, options.playable, flags=True)
    except ControlError as error:
        raise UserError(str(error)) from error
    return None if asked == Controls() else asked


def tell_changes(processor: "MusicProcessor | EventTokenizer", asked: "Controls | None") -> None:
    """Tell on stderr what a model's grid makes of what files give.

    Raises:
        UserError: when the model cannot write it.
    """
    from symbolic_music.events.controls.asked import ControlError
    from symbolic_music.events.controls.fitting import changes_by

    try:
        for change in changes_by(processor.codec, asked) if asked is not None else ():
            print(change, file=sys.stderr)
    except ControlError as error:
        raise UserError(str(error)) from error


def _given(path: str) -> "GivenNotes":
    from symbolic_music.events.controls.given import GivenNotes

    return GivenNotes.read(read_piece(Path(path)), path)


def _key(text: str) -> str:
    from symbolic_music.events.controls.asked import Key

    return str(Key.parse(text))


def _understood(words: str | None) -> "Controls":
    from symbolic_music.events.controls.asked import Controls
    from symbolic_music.events.controls.clashes import name_of
    from symbolic_music.generation.controls.words import understand

    if words is None:
        return Controls()
    understood = understand(words)
    for name in understood.controls.asked:
        print(f"understood: {name_of(understood.controls, name)} ({understood.said[name]})")
    if understood.unknown:
        print(f"not understood: {', '.join(understood.unknown)}", file=sys.stderr)
    return understood.controls
