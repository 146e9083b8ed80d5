"""MusicXML documents, written in the tests that hold what they must give."""

from fractions import Fraction
from pathlib import Path

from symbolic_music.score.musicxml.read import read_musicxml_pieces

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'


def note(pitch="C5", duration=2, inside="", voice=1, before=""):
    """A <note> of a pitch such as "C5" or "F#4", with XML before the pitch and behind the voice."""
    step, octave = pitch[0], pitch[-1]
    alter = {"#": "<alter>1</alter>", "b": "<alter>-1</alter>"}.get(pitch[1:-1], "")
    length = f"<duration>{duration}</duration>" if duration is not None else ""
    name = f"<pitch><step>{step}</step>{alter}<octave>{octave}</octave></pitch>"
    return f"<note>{before}{name}{length}<voice>{voice}</voice>{inside}</note>"


def rest(duration, measure=False):
    whole = ' measure="yes"' if measure else ""
    return f"<note><rest{whole}/><duration>{duration}</duration></note>"


def attributes(beats=4, beat_type=4, divisions=2, inside=""):
    time = f"<time><beats>{beats}</beats><beat-type>{beat_type}</beat-type></time>"
    return f"<attributes><divisions>{divisions}</divisions>{time}{inside}</attributes>"


def measure(*content, implicit=False):
    label = ' implicit="yes"' if implicit else ""
    return f"<measure{label}>{''.join(content)}</measure>"


def document(*parts, instruments=None, head=""):
    """A partwise score; each part is a list of measures, or of their contents.

    Args:
        parts: XML of the measures.
        instruments: XML inside each <score-part>.
        head: XML before the list of parts.
    """
    names = [f"P{number + 1}" for number in range(len(parts))]
    instruments = instruments or [""] * len(parts)
    listed = "".join(
        f'<score-part id="{name}"><part-name>{name}</part-name>{inside}</score-part>'
        for name, inside in zip(names, instruments, strict=True)
    )
    bodies = "".join(
        f'<part id="{name}">{"".join(each if each.startswith("<measure") else measure(each) for each in part)}</part>'
        for name, part in zip(names, parts, strict=True)
    )
    return f'{HEADER}<score-partwise version="4.0">{head}<part-list>{listed}</part-list>{bodies}</score-partwise>'


def read(text, name="score.musicxml"):
    """The piece of a document, given as text or bytes."""
    data = text.encode() if isinstance(text, str) else text
    return read_musicxml_pieces(data, Path(name)).pieces[0]


def notes(piece, track=None):
    """(onset, duration, pitch) in quarters of all notes, or of one track."""
    score = piece.score
    tracks = score.tracks if track is None else [score.tracks[track]]
    found = [(each.time, each.duration, each.pitch) for one in tracks for each in one.notes]
    return sorted((Fraction(time, score.tpq), Fraction(length, score.tpq), pitch) for time, length, pitch in found)


def pitches(piece):
    return [pitch for _, _, pitch in notes(piece)]
