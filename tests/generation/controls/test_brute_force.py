"""Automata agree with checkers that look at every note, on pieces that obey and on the same with one event changed."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_pieces import MEMBERS, accepts, member, random_piece

from symbolic_music.events.controls.asked import EVERY, Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.metrics.control import found_instruments, strong_chord_notes
from symbolic_music.score.chords import NO_CHORD, chord_pitch_classes

FEW_EXAMPLES = {"deadline": None, "suppress_health_check": list(HealthCheck)}
CHORDS = (("C",), ("Am", "N"), ("F", "G7/B"), ("N",))


def neighbours(name, asked, seed, count=60):
    """A random piece that obeys, and it with one event changed for another of its type: events and Score of each."""
    processor = member(name)
    grammar, rng = processor.control(asked), np.random.default_rng(seed)
    room = grammar.completion.needed(grammar.completion.initial) + 100
    ids, _ = random_piece(processor, grammar, asked.bars, room, seed)
    codec = processor.codec
    known = codec.grammar().events
    by_type = {}
    for event in known:
        by_type.setdefault(event.partition("_")[0], []).append(event)
    events = processor.ids_to_events(ids)
    yield events, codec.decode(events[1:-1])
    for _ in range(count):
        place = int(rng.integers(1, len(events) - 1))
        changed = [*events]
        changed[place] = str(rng.choice(by_type[events[place].partition("_")[0]]))
        if codec.grammar().accepts(changed):
            yield changed, codec.decode(changed[1:-1])


def agree(name, asked, seed, check, one_way=False):
    verdicts = set()
    asked = settle(member(name).codec, asked)
    for events, score in neighbours(name, asked, seed):
        found, expected = accepts(name, asked, events), check(events, score, asked)
        assert found == expected or (one_way and not found), events
        verdicts.add(found)
    return verdicts


def bass_is_on_the_root(events, score, asked):
    """Of pieces in 4/4 throughout: nothing held over bar lines or into chords, and the lowest that begins the bass."""
    bar = 4 * score.ticks_per_quarter
    notes = [note for track in score.tracks if not track.is_drum for note in track.notes]
    for number in range(asked.bars):
        chords = asked.chords[number % len(asked.chords)]
        for place, chord in enumerate(chords):
            tick = number * bar + place * bar // len(chords)
            if any(note.time < tick < note.time + note.duration for note in notes):
                return False
            begun = [note.pitch for note in notes if note.time == tick]
            if chord != NO_CHORD and (not begun or min(begun) % 12 != chord_pitch_classes(chord)[0]):
                return False
    return all(note.time + note.duration <= asked.bars * bar for note in notes)


@pytest.mark.parametrize("name", MEMBERS)
@settings(max_examples=6, **FEW_EXAMPLES)
@given(seed=st.integers(0, 10_000), programs=st.sampled_from([(0,), (40, 0), (0, 40, -1)]))
def test_the_bass(name, seed, programs):
    """Chords are asked for too; where lines stand one below the other, one of them must bear the bass."""
    asked = Controls(chords=CHORDS, bass_on_root=True, instruments=programs, meter="4/4")

    def check(events, score, asked):
        obeys = bass_is_on_the_root(events, score, asked) and bool(strong_chord_notes(score, asked.chords).all())
        return obeys and found_instruments(score) == sorted(programs) and not score.time_signatures[1:]

    one_way = name == "track_text" and len(programs) > 1
    assert True in agree(name, asked, seed, check, one_way)


def residues(name, events):
    """By bar of a piece, or of its first line, the residue of its pitches one after the other."""
    codec = member(name).codec
    bars, line = [], 1
    for event in events:
        kind, _, value = event.partition("_")
        if kind == "Track":
            line = int(value)
        if line > 1:
            continue
        if kind == "Bar":
            bars.append(0)
        pitch = (int(value) if kind == "Pitch" else -1) if name == "remi" else codec.says(event)[0]
        if bars and pitch >= 0:
            bars[-1] = (2 * bars[-1] + 1 + pitch % 13) % 13
    return bars


@pytest.mark.parametrize("name", MEMBERS)
@settings(max_examples=8, **FEW_EXAMPLES)
@given(seed=st.integers(0, 10_000), most=st.integers(0, 2))
def test_repeated_bars(name, seed, most):
    def check(events, score, asked):
        bars, run = residues(name, events), 0
        for before, after in pairwise(bars):
            run = run + 1 if before == after else 0
            if run > most:
                return False
        return bars and len(bars) == 6

    asked = Controls(max_repeats=most, bars=6, density=(0, 3), ranges=((EVERY, 60, 62),))
    obeyed = Controls(max_repeats=most, bars=6)
    verdicts = set()
    for events, score in neighbours(name, settle(member(name).codec, asked), seed):
        found = accepts(name, obeyed, events)
        assert found == bool(check(events, score, obeyed)), events
        verdicts.add(found)
    assert True in verdicts


@pytest.mark.parametrize("name", MEMBERS)
@settings(max_examples=8, **FEW_EXAMPLES)
@given(
    seed=st.integers(0, 10_000), bounds=st.sampled_from([((EVERY, 1, 1),), ((0, 2, 3),), ((0, 1, 2), (EVERY, 3, 4))])
)
def test_polyphony(name, seed, bounds):
    of_program = {program: (low, high) for program, low, high in bounds}

    def check(events, score, asked):
        for track in score.tracks:
            low, high = of_program.get(track.program, of_program.get(EVERY, (1, 128)))
            onsets = [note.time for note in track.notes]
            if any(not low <= onsets.count(onset) <= high for onset in onsets):
                return False
        return found_instruments(score) == [0, 40]

    asked = Controls(polyphony=bounds, bars=3, instruments=(0, 40))
    assert True in agree(name, asked, seed, check)
