"""Where General MIDI's drum sounds stand on a five-line staff, and with which note heads.

After the percussion key map of General MIDI Level 1 and the drum set of the Percussive Arts Society (Weinberg, Guide
to Standardized Drumset Notation, 1998). Steps are named as in a treble clef. Knows nothing of files.
"""

from typing import NamedTuple


class DrumSound(NamedTuple):
    """A drum sound as written.

    Attributes:
        name: of the instrument.
        step: letter of its place on the staff.
        octave: of its place.
        head: note head (MusicXML 4.0, notehead-value).
        is_foot: whether a pedal plays it; its stems go down, in a voice of their own.
    """

    name: str
    step: str
    octave: int
    head: str = "normal"
    is_foot: bool = False


_KIT = {
    35: DrumSound("Acoustic Bass Drum", "E", 4, "normal", True),
    36: DrumSound("Bass Drum 1", "F", 4, "normal", True),
    37: DrumSound("Side Stick", "C", 5, "x"),
    38: DrumSound("Acoustic Snare", "C", 5),
    39: DrumSound("Hand Clap", "C", 5, "triangle"),
    40: DrumSound("Electric Snare", "C", 5),
    41: DrumSound("Low Floor Tom", "G", 4),
    42: DrumSound("Closed Hi-hat", "G", 5, "x"),
    43: DrumSound("High Floor Tom", "A", 4),
    44: DrumSound("Pedal Hi-hat", "D", 4, "x", True),
    45: DrumSound("Low Tom", "B", 4),
    46: DrumSound("Open Hi-hat", "G", 5, "circle-x"),
    47: DrumSound("Low-mid Tom", "D", 5),
    48: DrumSound("Hi-mid Tom", "D", 5),
    49: DrumSound("Crash Cymbal 1", "A", 5, "x"),
    50: DrumSound("High Tom", "E", 5),
    51: DrumSound("Ride Cymbal 1", "F", 5, "x"),
    52: DrumSound("Chinese Cymbal", "B", 5, "circle-x"),
    53: DrumSound("Ride Bell", "F", 5, "diamond"),
    54: DrumSound("Tambourine", "B", 4, "x"),
    55: DrumSound("Splash Cymbal", "B", 5, "x"),
    56: DrumSound("Cowbell", "E", 5, "triangle"),
    57: DrumSound("Crash Cymbal 2", "A", 5, "x"),
    58: DrumSound("Vibraslap", "D", 5, "x"),
    59: DrumSound("Ride Cymbal 2", "F", 5, "x"),
    60: DrumSound("Hi Bongo", "E", 5),
    61: DrumSound("Low Bongo", "C", 5),
    62: DrumSound("Mute Hi Conga", "D", 5, "x"),
    63: DrumSound("Open Hi Conga", "D", 5),
    64: DrumSound("Low Conga", "B", 4),
    65: DrumSound("High Timbale", "E", 5),
    66: DrumSound("Low Timbale", "C", 5),
    67: DrumSound("High Agogo", "F", 5, "triangle"),
    68: DrumSound("Low Agogo", "D", 5, "triangle"),
    69: DrumSound("Cabasa", "A", 4, "x"),
    70: DrumSound("Maracas", "B", 4, "x"),
    71: DrumSound("Short Whistle", "F", 5, "slash"),
    72: DrumSound("Long Whistle", "D", 5, "slash"),
    73: DrumSound("Short Guiro", "A", 4, "slash"),
    74: DrumSound("Long Guiro", "G", 4, "slash"),
    75: DrumSound("Claves", "E", 5, "x"),
    76: DrumSound("Hi Wood Block", "E", 5, "triangle"),
    77: DrumSound("Low Wood Block", "C", 5, "triangle"),
    78: DrumSound("Mute Cuica", "A", 4, "triangle"),
    79: DrumSound("Open Cuica", "G", 4, "triangle"),
    80: DrumSound("Mute Triangle", "F", 5, "inverted triangle"),
    81: DrumSound("Open Triangle", "F", 5, "triangle"),
}


def drum_sound(pitch: int) -> DrumSound:
    """How a drum's MIDI pitch is written; what General MIDI does not name stands on the middle line."""
    return _KIT.get(pitch) or DrumSound(f"Percussion {pitch}", "B", 4, "diamond")
