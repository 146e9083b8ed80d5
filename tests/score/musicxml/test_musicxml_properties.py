"""Random scores, written as MusicXML by these tests: reading gives the notes that were written."""

from fractions import Fraction
from math import lcm

from hypothesis import given
from hypothesis import strategies as st
from score.musicxml.documents import attributes, document, note, notes, read, rest

from symbolic_music.score.abc.io import parse_abc_tune

LENGTHS = st.sampled_from(
    [Fraction(1, 4), Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(1, 3), Fraction(2, 5)]
)
STEPS = {0: "C", 2: "D", 4: "E", 5: "F", 7: "G", 9: "A", 11: "B"}
NATURAL = st.sampled_from([12 * octave + step for octave in (5, 6) for step in STEPS])
EVENT = st.tuples(LENGTHS, st.lists(NATURAL, max_size=3, unique=True))
VOICE = st.lists(EVENT, max_size=6)
BAR = st.lists(VOICE, min_size=1, max_size=3)
PART = st.lists(BAR, min_size=1, max_size=4)


def name(pitch):
    return f"{STEPS[pitch % 12]}{pitch // 12 - 1}"


def written_bar(bar, divisions):
    """The XML of a bar of voices, and how long each is; a voice goes back to the beginning by <backup>."""
    text, lengths = "", []
    for number, voice in enumerate(bar):
        length = sum((each for each, _ in voice), Fraction(0))
        for duration, chord in voice:
            units = int(duration * divisions)
            if not chord:
                text += rest(units)
            for place, pitch in enumerate(chord):
                text += note(name(pitch), units, voice=number + 1, before="<chord/>" if place else "")
        text += f"<backup><duration>{int(length * divisions)}</duration></backup>"
        lengths.append(length)
    return text, max(lengths)


@given(st.lists(PART, min_size=1, max_size=3), st.integers(1, 4))
def test_reading_gives_the_notes_that_were_written(parts, multiple):
    """Whatever the voices, chords, rests, tuplets and divisions; bars are as long as the longest voice of any part."""
    count = max(map(len, parts))
    if not any(chord for part in parts for bar in part for voice in bar for _, chord in voice):
        return
    bodies, lengths = [], [Fraction(0)] * count
    for number, part in enumerate(parts):
        divisions = 60 * multiple * (number + 1)
        body = [written_bar(bar, divisions) for bar in part]
        lengths = [
            max(old, new) for old, new in zip(lengths, [length for _, length in body] + [0] * count, strict=False)
        ]
        opening = f"<attributes><divisions>{divisions}</divisions><time><senza-misura/></time></attributes>"
        bodies.append([(opening if place == 0 else "") + text for place, (text, _) in enumerate(body)])
    # A bar without any note is as long as its meter would be.
    lengths = [length or Fraction(4) for length in lengths]
    starts = [sum(lengths[:number], Fraction(0)) for number in range(count)]
    expected = []
    for part in parts:
        for start, bar in zip(starts, part, strict=False):
            for voice in bar:
                onset = start
                for duration, chord in voice:
                    expected += [(onset, duration, pitch) for pitch in chord]
                    onset += duration
    assert notes(read(document(*bodies))) == sorted(expected)


@given(st.lists(st.tuples(st.integers(1, 8), NATURAL), min_size=1, max_size=12), st.integers(1, 12))
def test_a_melody_cut_at_bar_lines_and_tied_is_the_melody(melody, bar):
    """Notes longer than what is left of their bar are written as tied pieces."""
    bars, room, expected, onset = [""], bar, [], 0
    for length, pitch in melody:
        expected.append((onset, length, pitch))
        onset += length
        left = length
        while left:
            piece = min(left, room)
            ties = '<tie type="stop"/>' * (left < length) + '<tie type="start"/>' * (piece < left)
            bars[-1] += note(name(pitch), piece, ties)
            left, room = left - piece, room - piece
            if not room:
                bars.append("")
                room = bar
    bars[-1] += rest(room)
    bars[0] = attributes(bar, 4, 1) + bars[0]
    assert notes(read(document(bars))) == expected


@given(st.lists(st.tuples(st.integers(1, 6), NATURAL), min_size=1, max_size=8), st.integers(2, 4), st.integers(0, 3))
def test_the_same_music_as_abc_and_as_musicxml_is_the_same_score(melody, beats, upbeat):
    """Onsets, lengths, pitches, meters and keys; with an upbeat where its bar is not whole."""
    upbeat %= beats
    eighths = [upbeat * 2] if upbeat else []
    abc, bars, room = "", [""], eighths[0] if eighths else 2 * beats
    for length, pitch in [*melody, (2 * beats, 60)]:
        length = min(length, room)
        letter = STEPS[pitch % 12] if pitch < 72 else STEPS[pitch % 12].lower()
        abc += f"{letter}{length}"
        bars[-1] += note(name(pitch), length)
        room -= length
        if not room:
            abc += "|"
            bars.append("")
            room = 2 * beats
    abc += f"z{room}|"
    bars[-1] += rest(room)
    key = "<key><fifths>1</fifths><mode>major</mode></key>"
    bars[0] = attributes(beats, 4, 2, key) + bars[0]
    tune = parse_abc_tune(f"X:1\nL:1/8\nM:{beats}/4\nQ:1/4=90\nK:G\n{abc.replace('F', '=F').replace('f', '=f')}\n")
    bars[0] = bars[0].replace("</attributes>", '</attributes><sound tempo="90"/>', 1)
    piece = read(document(bars))
    ticks = lcm(tune.tpq, piece.score.tpq)

    def music(score):
        scale = ticks // score.tpq
        found = [(each.time, each.duration, each.pitch) for track in score.tracks for each in track.notes]
        meters = [(each.time * scale, each.numerator, each.denominator) for each in score.time_signatures]
        keys = [(each.time * scale, each.key, each.tonality) for each in score.key_signatures]
        tempos = [(each.time * scale, round(each.qpm)) for each in score.tempos]
        return sorted((time * scale, length * scale, pitch) for time, length, pitch in found), meters, keys, tempos

    assert music(piece.score) == music(tune)
