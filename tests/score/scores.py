"""Small Scores and hostile bytes, made in code so that each test shows what it holds."""

import struct

from symusic import Note, Score, Tempo, TimeSignature, Track

TEMPO_120 = b"\xff\x51\x03\x07\xa1\x20"


def make_score(notes, meters=(), tempos=(), tpq=480, program=0, is_drum=False):
    """A one-track Score; notes are (time, duration, pitch) or (time, duration, pitch, velocity) in ticks."""
    score = Score(tpq)
    track = Track(program=program, is_drum=is_drum)
    track.notes = [Note(*note, *([80] if len(note) == 3 else [])) for note in notes]
    score.tracks = [track]
    score.time_signatures = [TimeSignature(*meter) for meter in meters]
    score.tempos = [Tempo(time, qpm) for time, qpm in tempos]
    return score


def scale(bars=4, **kwargs):
    """A quarter-note scale in 4/4, four notes a bar, beginning on middle C."""
    return make_score([(480 * beat, 480, 60 + beat % 12) for beat in range(4 * bars)], **kwargs)


def midi_file(track: bytes, division: int = 480, header_length: int = 6, track_length: int | None = None) -> bytes:
    """A format 0 MIDI file around the events of one track, with lengths that may lie."""
    header = b"MThd" + struct.pack(">IHHH", header_length, 0, 1, division)
    return header + b"MTrk" + struct.pack(">I", len(track) if track_length is None else track_length) + track


NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x00"
END = b"\x00\xff\x2f\x00"
HOSTILE_MIDI = {
    "truncated header": b"MThd\x00\x00",
    "header only": midi_file(b"")[:14],
    "2 GB header": midi_file(NOTE + END, header_length=0x7FFFFFFF),
    "2 GB track": midi_file(NOTE + END, track_length=0x7FFFFFFF),
    "4 GB track": midi_file(NOTE + END, track_length=0xFFFFFFFF),
    "track that never ends": midi_file(NOTE * 10_000),
    "cut within an event": midi_file(NOTE + b"\x00\x90"),
    "deep running status": midi_file(b"\x00\x90" + b"\x3c\x40\x01" * 100_000 + END),
    "running status without status": midi_file(b"\x00\x3c\x40" + END),
    "endless variable-length number": midi_file(b"\xff" * 1_000),
    "2 GB text event": midi_file(b"\x00\xff\x01\x87\xff\xff\xff\x7f" + END),
    "zero division": midi_file(NOTE + END, division=0),
    "SMPTE division": midi_file(NOTE + END, division=0xE728),
    "zero tempo": midi_file(b"\x00\xff\x51\x03\x00\x00\x00" + NOTE + END),
    "empty tempo": midi_file(b"\x00\xff\x51\x00" + NOTE + END),
    "zero meter": midi_file(b"\x00\xff\x58\x04\x00\x00\x18\x08" + NOTE + END),
    "huge meter": midi_file(b"\x00\xff\x58\x04\xff\xff\x18\x08" + NOTE + END),
    "times beyond 31 bits": midi_file((b"\xff\xff\xff\x7f" + NOTE[1:]) * 20 + END),
    "notes that never end": midi_file(b"\x00\x90\x3c\x40" * 1_000 + END),
    "NUL bytes": bytes(1_000),
    "NUL bytes after the header": midi_file(bytes(1_000)),
    "65535 tracks promised": b"MThd" + struct.pack(">IHHH", 6, 1, 65_535, 480),
    "text": b"Not music at all.",
}
HOSTILE_ABC = {
    "a line of 200,000 characters": "X:1\nL:1/8\nM:4/4\nK:C\n" + "CDEF GABc|" * 20_000 + "\n",
    "a title of 200,000 characters": "X:1\nT:" + "la " * 66_000 + "\nL:1/8\nK:C\nCDEF GABc|\n",
    "a chord of 5,000 notes": "X:1\nL:1/8\nK:C\n[" + "CEG" * 1_700 + "]|\n",
    "NUL bytes": "X:1\nL:1/8\nK:C\nCDEF\0GABc|\n",
    "control characters": "X:1\nL:1/8\nK:C\n" + "".join(map(chr, range(1, 32))) + "CDEF GABc|\n",
    "no key": "X:1\nT:No key\n",
    "only rests": "X:1\nL:1/8\nK:C\nz8|z8|\n",
    "unclosed brackets": 'X:1\nL:1/8\nK:C\n[CEG "Am {g (3 !trill CDEF|\n',
    "repeats without end": "X:1\nL:1/8\nK:C\n" + "|:" * 5_000 + "CDEF" + ":|" * 5_000 + "\n",
    "division by zero": "X:1\nM:0/0\nL:1/0\nQ:0\nK:C\nC/0D0E1/0F|\n",
    "absurd lengths": "X:1\nL:1/8\nK:C\nC99999999999999999999D1/99999999999|\n",
    "bars that do not sum": "X:1\nL:1/8\nM:4/4\nK:C\nC|DEF GABcdefg|z16|[M:3/4]C8|C/3|]\n",
    "nested chords": "X:1\nL:1/8\nK:C\n[C[EG]2[[c]e]]4 [] [z] [CE|G]2|\n",
    "nested tuplets": "X:1\nL:1/8\nK:C\n(3(5:0:0C(99:99:99DEF(0GA|\n",
    "macros that call themselves": "X:1\nm: ~n = ~n~n~n\nm: n = nn\nL:1/8\nK:C\n~C ~D C|\n",
    "negative and huge meters": "X:1\nM:-4/4\nL:1/8\nK:C\nCDEF|[M:999999999/1]C8|[M:1/999999]C|\n",
    "a key that is none": "X:1\nL:1/8\nK:H## phrygidian exp ^^^c\nCDEF GABc|\n",
    "ties and slurs to nowhere": "X:1\nL:1/8\nK:C\nC-|D-)))(((E-z-|-F|\n",
    "a thousand voices": "X:1\nL:1/8\nK:C\n" + "".join(f"V:{n}\nCDEF GABc|\n" for n in range(1000)),
    "our own marks": "X:1\nL:1/8\nQ:1/4=3001\nK:C\nz8|[Q:1/4=3002]C8|[M:3/4]z6|[Q:1/4=3003]C6|\n",
    "missing include": "X:1\n%%abc-include /etc/passwd\nL:1/8\nK:C\nCDEF GABc|\n",
}
