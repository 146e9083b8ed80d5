"""What `%%MIDI` directives say of a voice: its program, channel, transposition and loudness.

The directives are abc2midi's (abcguide.txt of the abcMIDI package). Knows nothing of notes.
"""

import re
from dataclasses import dataclass, replace

from symbolic_music.score.abc.parse.elements import Instrument, Loudness, Setting

DRUM_CHANNEL = 10
_ACCOMPANIMENT = re.compile(r"g?chord(on|off|bars|vol|prog|name|octave)?$|gchord|bass|drum|drone|randomchord")
# What says nothing of written notes, or what is so here anyway.
_SILENT = re.compile(r"(chordattack|nobarlines|barlines|grace|gracedivider|channel|program|beat|transpose|trim)$")


@dataclass(frozen=True)
class MidiDirective:
    """What a directive changes, None where it does not; `left_out` is its kind where it is not followed."""

    instrument: Instrument | None = None
    loudness: Loudness | None = None
    transpose: int | None = None
    left_out: str = ""


def read_midi_directive(words: list[str], setting: Setting) -> MidiDirective:
    """Read the words behind `%%MIDI`.

    Args:
        words: the directive and its values.
        setting: of the voice that it is for.
    """
    name, *values = words or [""]
    numbers = [int(value) for value in values if value.lstrip("+-").isdigit() and len(value) < 6]
    now = setting.instrument
    if name == "program" and numbers and 0 <= numbers[-1] <= 127:
        # With a channel before it, the program is for whatever plays on that channel.
        if len(numbers) > 1 and numbers[0] != setting.channel:
            return MidiDirective(left_out="" if numbers[-1] == now.program else "directive")
        return MidiDirective(instrument=replace(now, program=numbers[-1]))
    if name == "channel" and numbers:
        setting.channel = numbers[0]
        return MidiDirective(instrument=replace(now, is_drum=numbers[0] == DRUM_CHANNEL))
    if name == "transpose" and numbers:
        return MidiDirective(transpose=numbers[0])
    if name == "beat" and len(numbers) >= 3:
        first, strong, other = (min(max(number, 1), 127) for number in numbers[:3])
        return MidiDirective(loudness=Loudness(first, strong, other, max(numbers[3], 0) if len(numbers) > 3 else 0))
    if _SILENT.match(name):
        return MidiDirective()
    return MidiDirective(left_out="accompaniment" if _ACCOMPANIMENT.match(name) else "directive")
