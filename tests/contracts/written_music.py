"""Small random music, and its text in each format of notation: what readers must agree on.

Durations are in quarter notes. Every part has the same bars.
"""

from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

LETTERS = ("C", "^C", "D", "^D", "E", "F", "^F", "G", "^G", "A", "^A", "B")
KERN_LENGTHS = {Fraction(1, 3): "12", Fraction(1, 2): "8", Fraction(1): "4", Fraction(3, 2): "4.", Fraction(2): "2"}
THIRD = Fraction(1, 3)


@dataclass(frozen=True)
class Note:
    """A note, or a rest where it has no pitch."""

    length: Fraction
    pitch: int | None
    tied: bool = False  # to the next note


@dataclass(frozen=True)
class Music:
    """Parts of bars of notes.

    Args:
        meter: in force throughout.
        parts: the notes of each bar of each part.
        repeated: the first and the last bar that is played twice, both counted from 0; None for no repeat.
        chords: the chord symbol at the beginning of each bar; "" for none.
    """

    meter: tuple[int, int]
    parts: list[list[list[Note]]]
    repeated: tuple[int, int] | None
    chords: list[str]


def _bar_lengths(length: Fraction) -> st.SearchStrategy[list[Fraction]]:
    """The lengths of the notes of a bar: triplets of eighths fill a quarter, everything else is drawn."""

    @st.composite
    def draw_lengths(draw):
        left, lengths = length, []
        while left:
            whole = [width for width in (Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2)) if width <= left]
            chosen = draw(st.sampled_from([*whole, *([THIRD] if left >= 1 else [])]))
            lengths += [THIRD] * 3 if chosen == THIRD else [chosen]
            left -= 1 if chosen == THIRD else chosen
        return lengths

    return draw_lengths()


@st.composite
def musics(draw) -> Music:
    """Up to three parts of up to five bars, with an upbeat, ties, triplets, a repeat and chord symbols at times."""
    meter = draw(st.sampled_from([(2, 4), (3, 4), (4, 4), (6, 8)]))
    whole = Fraction(4 * meter[0], meter[1])
    num_bars = draw(st.integers(2, 5))
    upbeat = draw(st.sampled_from([whole, Fraction(1, 2), Fraction(1)]))
    bars = [upbeat, *[whole] * (num_bars - 1)]
    repeated = draw(st.none() | st.tuples(st.integers(1, num_bars - 1), st.integers(1, num_bars - 1)))
    repeated = None if repeated is None else (min(repeated), max(repeated))
    edges = set() if repeated is None else {repeated[0] - 1, repeated[1]}
    parts = [_draw_part(draw, bars, edges) for _ in range(draw(st.integers(1, 3)))]
    chords = draw(
        st.lists(st.sampled_from(["", "", "C", "G7", "Am", "F#m7b5", "Bbmaj7"]), min_size=num_bars, max_size=num_bars)
    )
    return Music(meter, parts, repeated, chords)


def _draw_part(draw, bars: list[Fraction], edges: set[int]) -> list[list[Note]]:
    part, held = [], None
    for number, length in enumerate(bars):
        lengths = draw(_bar_lengths(length))
        bar = []
        for place, width in enumerate(lengths):
            first = number == 0 and place == 0
            pitch = held or draw(st.integers(48, 83) if first else st.none() | st.integers(48, 83))
            last_of_bar = place == len(lengths) - 1
            may_tie = pitch is not None and not (last_of_bar and (number in edges or number == len(bars) - 1))
            tied = bool(may_tie and draw(st.booleans()))
            held = pitch if tied else None
            bar.append(Note(width, pitch, tied))
        part.append(bar)
    return part


def expected_notes(music: Music) -> list[list[tuple[Fraction, Fraction, int]]]:
    """Onset, length and pitch of each part's notes as they sound: an upbeat ends where the second bar begins."""
    order = _play_order(music)
    whole = Fraction(4 * music.meter[0], music.meter[1])
    sounding = []
    for part in music.parts:
        now = whole - sum(note.length for note in part[0])
        notes: list[tuple[Fraction, Fraction, int]] = []
        held = False
        for note in (note for number in order for note in part[number]):
            if note.pitch is not None and held:
                onset, length, pitch = notes[-1]
                notes[-1] = (onset, length + note.length, pitch)
            elif note.pitch is not None:
                notes.append((now, note.length, note.pitch))
            held = note.tied
            now += note.length
        sounding.append(notes)
    return sounding


def expected_chords(music: Music) -> list[tuple[Fraction, str]]:
    """Where each chord symbol holds from, as the bars are played."""
    whole = Fraction(4 * music.meter[0], music.meter[1])
    now, chords = whole - sum(note.length for note in music.parts[0][0]), []
    for number in _play_order(music):
        if music.chords[number]:
            chords.append((now, music.chords[number]))
        now += sum(note.length for note in music.parts[0][number])
    return chords


def _play_order(music: Music) -> list[int]:
    order = list(range(len(music.chords)))
    if music.repeated:
        first, last = music.repeated
        order[last + 1 : last + 1] = range(first, last + 1)
    return order


def to_abc(music: Music) -> str:
    """The music as an ABC tune of one voice for each part; chord symbols stand in the first."""
    lines = ["X:1", f"M:{music.meter[0]}/{music.meter[1]}", "L:1/4", "K:C"]
    for number, part in enumerate(music.parts, 1):
        body = ""
        for place, bar in enumerate(part):
            body += "|:" if music.repeated and music.repeated[0] == place else ""
            body += f'"{music.chords[place]}"' if number == 1 and music.chords[place] else ""
            body += "".join(_abc_tokens(bar))
            body += ":|" if music.repeated and music.repeated[1] == place else "|"
        lines.append(f"V:{number}\n{body}")
    return "\n".join(lines) + "\n"


def _abc_tokens(bar: list[Note]) -> list[str]:
    tokens, thirds = [], 0
    for note in bar:
        third = note.length == THIRD
        opening = "(3" if third and thirds % 3 == 0 else ""
        thirds += third
        length = Fraction(1, 2) if third else note.length
        tokens.append(f"{opening}{_abc_pitch(note.pitch)}{length}{'-' if note.tied else ' '}")
    return tokens


def _abc_pitch(pitch: int | None) -> str:
    if pitch is None:
        return "z"
    name = LETTERS[pitch % 12]
    name = name if len(name) > 1 else f"={name}"
    octave = pitch // 12 - 5
    return name.lower() + "'" * (octave - 1) if octave > 0 else name + "," * -octave


def to_kern(music: Music) -> str:
    """The music as Humdrum: one spine for each part, the first part on the right, chord symbols as `**mxhm`."""
    parts = music.parts[::-1]
    spines = len(parts) + 1
    rows = [["**kern"] * len(parts) + ["**mxhm"], [f"*M{music.meter[0]}/{music.meter[1]}"] * spines]
    held = [False] * len(parts)
    for place, chord in enumerate(music.chords):
        if place or music.repeated:
            rows.append([_kern_barline(music, place)] * spines)
        rows += _kern_bar([part[place] for part in parts], chord, held)
    rows += [["=:|!" if music.repeated and music.repeated[1] == len(music.chords) - 1 else "=="] * spines]
    rows += [["*-"] * spines]
    return "".join("\t".join(row) + "\n" for row in rows)


def _kern_barline(music: Music, place: int) -> str:
    if music.repeated is None:
        return "="
    end, start = music.repeated[1] == place - 1, music.repeated[0] == place
    return "=" + (":|" if end else "") + ("!" if end or start else "") + ("|:" if start else "")


def _kern_bar(bars: list[list[Note]], chord: str, held: list[bool]) -> list[list[str]]:
    tokens: list[dict[Fraction, str]] = []
    for spine, bar in enumerate(bars):
        now, cells = Fraction(0), {}
        for note in bar:
            cells[now] = _kern_token(note, held[spine])
            held[spine] = note.tied
            now += note.length
        tokens.append(cells)
    onsets = sorted({onset for cells in tokens for onset in cells})
    rows = [[cells.get(onset, ".") for cells in tokens] + ["."] for onset in onsets]
    rows[0][-1] = _kern_chord(chord) if chord else "."
    return rows


def _kern_chord(chord: str) -> str:
    """A symbol as converters from MusicXML write it: root, a space, the kind in words."""
    kinds = {
        "C": "C major",
        "G7": "G dominant",
        "Am": "A minor",
        "F#m7b5": "F# half-diminished",
        "Bbmaj7": "B- major-seventh",
    }
    return kinds[chord]


def _kern_token(note: Note, held: bool) -> str:
    length = KERN_LENGTHS[note.length]
    if note.pitch is None:
        return f"{length}r"
    letter = LETTERS[note.pitch % 12][-1]
    octave = note.pitch // 12 - 5
    name = letter.lower() * (octave + 1) if octave >= 0 else letter.upper() * -octave
    sharp = "#" if LETTERS[note.pitch % 12][0] == "^" else ""
    opening, closing = ("[" if note.tied and not held else ""), ("_" if note.tied and held else "]" if held else "")
    return f"{opening}{length}{name}{sharp}{closing}"


def to_musicxml(music: Music) -> str:
    """The music as partwise MusicXML, six divisions a quarter note; chord symbols stand in the first part."""
    names = "".join(f'<score-part id="P{n}"><part-name>P</part-name></score-part>' for n in range(len(music.parts)))
    parts = "".join(_musicxml_part(music, number) for number in range(len(music.parts)))
    return f'<score-partwise version="4.0"><part-list>{names}</part-list>{parts}</score-partwise>'


def _musicxml_part(music: Music, number: int) -> str:
    measures, held = "", False
    for place, bar in enumerate(music.parts[number]):
        inside = ""
        if place == 0:
            time = f"<time><beats>{music.meter[0]}</beats><beat-type>{music.meter[1]}</beat-type></time>"
            inside += f"<attributes><divisions>6</divisions>{time}</attributes>"
        if music.repeated and music.repeated[0] == place:
            inside += '<barline location="left"><repeat direction="forward"/></barline>'
        if number == 0 and music.chords[place]:
            inside += _musicxml_chord(music.chords[place])
        for note in bar:
            inside += _musicxml_note(note, held)
            held = note.tied
        if music.repeated and music.repeated[1] == place:
            inside += '<barline location="right"><repeat direction="backward"/></barline>'
        measures += f'<measure number="{place + 1}">{inside}</measure>'
    return f'<part id="P{number}">{measures}</part>'


def _musicxml_chord(chord: str) -> str:
    root, alter, kind = {
        "C": ("C", 0, "major"),
        "G7": ("G", 0, "dominant"),
        "Am": ("A", 0, "minor"),
        "F#m7b5": ("F", 1, "half-diminished"),
        "Bbmaj7": ("B", -1, "major-seventh"),
    }[chord]
    alters = f"<root-alter>{alter}</root-alter>" if alter else ""
    return f"<harmony><root><root-step>{root}</root-step>{alters}</root><kind>{kind}</kind></harmony>"


def _musicxml_note(note: Note, held: bool) -> str:
    length = f"<duration>{int(6 * note.length)}</duration>"
    if note.pitch is None:
        return f"<note><rest/>{length}<voice>1</voice></note>"
    name = LETTERS[note.pitch % 12]
    alter = "<alter>1</alter>" if name[0] == "^" else ""
    pitch = f"<pitch><step>{name[-1]}</step>{alter}<octave>{note.pitch // 12 - 1}</octave></pitch>"
    ties = ('<tie type="stop"/>' if held else "") + ('<tie type="start"/>' if note.tied else "")
    return f"<note>{pitch}{length}{ties}<voice>1</voice></note>"
