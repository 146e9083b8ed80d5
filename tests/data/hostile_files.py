"""Files that are made to harm whoever reads them, and names that are made to harm whoever writes them down."""

import io
import random
import zipfile

from score.abc.test_abc_hostile import HOSTILE as ABC_BOMBS
from score.humdrum.test_hostile import HOSTILE as KERN_BOMBS
from score.scores import END, HOSTILE_ABC, HOSTILE_MIDI, NOTE, midi_file

SCORE = '<score-partwise><part-list><score-part id="P"/></part-list><part id="P">{}</part></score-partwise>'
MUSIC = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>{}</duration></note>"
ATTRIBUTES = "<attributes><divisions>{}</divisions></attributes>"
FORWARD = '<barline><repeat direction="forward"/></barline>'
BACKWARD = '<barline><repeat direction="backward" times="{}"/></barline>'
LATEST = b"\xff\xff\xff\x7f"
"""The largest number of ticks between two events of a MIDI file: 2 ** 28 - 1."""


def score(*measures):
    numbered = (f'<measure number="{number}">{inside}</measure>' for number, inside in enumerate(measures))
    return SCORE.format("".join(numbered)).encode()


def mxl(members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        root = "<container><rootfiles><rootfile full-path='{}'/></rootfiles></container>"
        archive.writestr("META-INF/container.xml", root.format(next(iter(members))))
        for name in sorted(members.keys() - set(archive.namelist())):
            archive.writestr(name, members[name])
    return made.getvalue()


def entities():
    inner = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    return f'<!DOCTYPE s [<!ENTITY a "ha">{inner}]>'.encode() + score("&j;")


BEGIN = ATTRIBUTES.format(1)
MUSICXML_BOMBS = {
    "a repeat of a billion times": lambda: score(BEGIN + FORWARD + MUSIC.format(4) + BACKWARD.format(10**9)),
    "repeats in repeats": lambda: score(BEGIN, *[FORWARD + MUSIC.format(4)] * 60, *[BACKWARD.format(99)] * 60),
    "a note of 10^18 beats": lambda: score(BEGIN + MUSIC.format(10**18)),
    "a rest of 10^18 beats": lambda: score(
        BEGIN + f"<forward><duration>{10**18}</duration></forward>" + MUSIC.format(4)
    ),
    "a beat of 10^9 divisions": lambda: score(*(ATTRIBUTES.format(10**9 + n) + MUSIC.format(7) for n in range(200))),
    "digits without end": lambda: score(BEGIN + MUSIC.format("9" * 2_000_000)),
    "a rest of 10^9 bars": lambda: score(
        BEGIN + f"<attributes><measure-style><multiple-rest>{10**9}</multiple-rest></measure-style></attributes>"
    ),
    "jumps without end": lambda: score(
        *[BEGIN + MUSIC.format(4) + '<sound dacapo="yes" segno="a" dalsegno="a"/>'] * 500
    ),
    "elements within elements": lambda: b"<score-partwise>" + b"<part>" * 1_000_000,
    "a million parts": lambda: (
        b"<score-partwise>" + b'<part id="P"><measure/></part>' * 500_000 + b"</score-partwise>"
    ),
    "entities": entities,
    "attributes without end": lambda: score("<note " + " ".join(f'a{n}=""' for n in range(300_000)) + "/>"),
    "a chord of 200,000 notes": lambda: score(
        BEGIN + MUSIC.format(4) + MUSIC.format(4).replace("<note>", "<note><chord/>") * 200_000
    ),
}
MXL_BOMBS = {
    "a zip bomb": lambda: mxl({"a.xml": b"<score-partwise>" + b" " * 200 * 2**20}),
    "a zip bomb of notes": lambda: mxl({"a.xml": score(BEGIN + MUSIC.format(1) * 1_000_000)}),
    "100,000 members": lambda: mxl({f"{n}.xml": b"" for n in range(100_000)}),
    "itself": lambda: mxl({"META-INF/container.xml": b""}),
}
MIDI_BOMBS = {
    "2^28 ticks, again and again": lambda: midi_file((LATEST + NOTE[1:]) * 7 + NOTE * 20 + END, division=1),
    "a note of 2^28 ticks": lambda: midi_file(
        NOTE * 20 + b"\x00\x90\x3c\x40" + LATEST + b"\x80\x3c\x00" + END, division=1
    ),
    "two million notes": lambda: midi_file(b"\x00\x90" + b"\x3c\x40\x01\x3c\x00\x01" * 2_000_000 + END[1:]),
    "a million notes that wait": lambda: midi_file(b"\x00\x90" + b"\x3c\x40\x00" * 3_000_000 + END[1:]),
    "a million tempos": lambda: midi_file(b"\x01\xff\x51\x03\x07\xa1\x20" * 1_000_000 + NOTE + END),
    "meters of a 128th": lambda: midi_file(
        b"\x00\xff\x58\x04\x01\x07\x18\x08" + NOTE + (LATEST[:3] + b"\x7f\x90\x3c\x40\x60\x80\x3c\x00") + END
    ),
    "60,000 tracks": lambda: b"MThd\0\0\0\6\0\1\xea\x60\1\xe0" + midi_file(NOTE + END)[14:] * 60_000,
    "16 MB of text": lambda: midi_file(b"\x00\xff\x01\x87\xc0\x80\x00" + bytes(15 * 2**20) + NOTE + END),
}


def _encoded(texts):
    return {
        name: (lambda text=text: text if isinstance(text, bytes) else text.encode()) for name, text in texts.items()
    }


def _made(functions):
    return {
        name: (lambda make=make: make() if isinstance(make(), bytes) else make().encode())
        for name, make in functions.items()
    }


SMALL = {
    **{("mid", name): make for name, make in _encoded(HOSTILE_MIDI).items()},
    **{("abc", name): make for name, make in _encoded(HOSTILE_ABC).items()},
}
"""By suffix and what is wrong, functions that make a file's bytes; most of these are lies."""
BOMBS = {
    **{("mid", name): make for name, make in MIDI_BOMBS.items()},
    **{("musicxml", name): make for name, make in MUSICXML_BOMBS.items()},
    **{("mxl", name): make for name, make in MXL_BOMBS.items()},
    **{("abc", name): make for name, make in _encoded({name: text for name, (text, _) in ABC_BOMBS.items()}).items()},
    **{("krn", name): make for name, make in _made(KERN_BOMBS).items()},
}
"""The same for files that would take time or memory without end."""


def hostile_name(seed):
    """A name as archives have them that were made to harm, or by programs of long ago; bytes."""
    draw = random.Random(seed)
    parts = [
        b"../../etc/passwd",
        b"/absolute",
        b"C:\\windows\\con",
        b"two\nlines",
        b"\xff\xfe not UTF-8 \x80",
        b"\x1b[31mred\x1b[0m",
        "e\u0301\u202egnp.\u200b".encode(),
        b"'; DROP TABLE pieces; --",
        b"<script>alert(1)</script>",
        b"$(reboot) `reboot` %s %n {0}",
        b"long" * 60,
        b"-rf *",
        b"~/.ssh",
        b" ",
        "\U0001f3b5".encode(),
    ]
    return b"/".join(draw.sample(parts, draw.randint(1, 3)))
