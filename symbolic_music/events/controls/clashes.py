"""Contradictions between things that are asked for, found without any model or grammar."""

from collections.abc import Callable

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls, Key
from symbolic_music.score.chords import NO_CHORD, chord_pitch_classes
from symbolic_music.score.programs import DRUMS, program_name

_GIVEN = {"keep": "the notes", "rhythm": "the rhythm", "pitches": "the pitches"}


def check_clashes(asked: Controls) -> None:
    """Check that no two things contradict each other.

    Raises:
        ControlError: when two do; the message is one line that names them.
    """
    for check in _CHECKS:
        check(asked)


def name_of(asked: Controls, name: str) -> str:
    """What is asked for under a name, for messages."""
    value = getattr(asked, name)
    if name == "chords":
        return f"chords {chords_text(value)}"
    if name in ("instruments", "with_instruments"):
        names = ", ".join(program_name(program) for program in value)
        return f"instruments {names}" if name == "instruments" else f"at least {names}"
    if name == "ranges":
        return ", ".join(
            f"range {'all' if program == EVERY else program_name(program)} {low}-{high}"
            for program, low, high in value
        )
    if name == "polyphony":
        return ", ".join(
            f"polyphony {'' if program == EVERY else program_name(program) + ' '}{low}-{high}"
            for program, low, high in value
        )
    if name == "ending":
        return "an ending on the tonic"
    if name == "bass_on_root":
        return "the bass on the root"
    if name in _GIVEN:
        return f"{_GIVEN[name]} of {value.name}"
    if name == "max_repeats":
        return f"at most {value} repeats of a bar"
    if name == "density":
        return f"{value[0]} to {value[1]} notes in each bar"
    if name == "bars":
        return f"{value} bars"
    if name == "tempo":
        return f"tempo {value:g}" if not isinstance(value, tuple) else f"tempo {value[0]:g}-{value[1]:g}"
    return f"{name} {value}"


def chords_text(chords: tuple[tuple[str, ...], ...]) -> str:
    """A progression as it is written: "C | F G7 | C"."""
    return " | ".join(" ".join(bar) for bar in chords)


def _clash(asked: Controls, first: str, second: str, why: str) -> ControlError:
    return ControlError(f"{name_of(asked, first)} and {name_of(asked, second)} clash: {why}")


def _two_lists(asked: Controls) -> None:
    if asked.instruments is None or asked.with_instruments is None:
        return
    missing = [program for program in asked.with_instruments if program not in asked.instruments]
    if missing:
        raise _clash(asked, "instruments", "with_instruments", f"{program_name(missing[0])} is not among the first")


def _key_and_chords(asked: Controls) -> None:
    if asked.key is None or asked.chords is None:
        return
    scale = Key.parse(asked.key).scale
    for chord in _chords(asked):
        if not scale & set(chord_pitch_classes(chord)):
            raise _clash(asked, "key", "chords", f"no note of {chord} belongs to {asked.key}")


def _bass(asked: Controls) -> None:
    """Whether each chord has a bass that key and range leave, and each bar notes for its basses."""
    if not asked.bass_on_root:
        return
    if asked.chords is None:
        raise ControlError("the bass on the root needs chords: ask for some, such as C | Am | F G7 | C")
    basses = {chord: chord_pitch_classes(chord)[0] for chord in _chords(asked)}
    for chord, bass in basses.items():
        if asked.key is not None and bass not in Key.parse(asked.key).scale:
            raise _clash(asked, "bass_on_root", "key", f"the bass of {chord} does not belong to {asked.key}")
        low, high = asked.range_of.get(EVERY, (0, 127))
        if asked.instruments is None and len(asked.range_of) == 1 and bass not in _classes(low, high):
            raise _clash(asked, "bass_on_root", "ranges", f"no bass of {chord} lies within")
    most = max(sum(chord != NO_CHORD for chord in bar) for bar in asked.chords)
    if asked.density is not None and asked.density[1] < most:
        raise _clash(asked, "bass_on_root", "density", f"a bar has {most} chords")


def _polyphony(asked: Controls) -> None:
    if not asked.polyphony:
        return
    named = [program for program, _, _ in asked.polyphony]
    _check_named(asked, "polyphony", named)
    for program, low, high in asked.polyphony:
        if not 1 <= low <= high:
            continue  # said where the automaton is made
        below, above = asked.range_of.get(program, asked.range_of.get(EVERY, (0, 127)))
        scale = Key.parse(asked.key).scale if asked.key is not None and program != DRUMS else range(12)
        pitches = sum(pitch % 12 in scale for pitch in range(below, above + 1))
        if pitches < low:
            other = "ranges" if asked.ranges else "key"
            raise _clash(asked, "polyphony", other, f"{pitches} pitches are left")
    if asked.density is not None and asked.instruments is not None:
        bounds = {program: low for program, low, _ in asked.polyphony}
        fewest = [
            bounds.get(program, 1 if program == DRUMS else bounds.get(EVERY, 1)) for program in asked.instruments
        ]
        if max(fewest) > asked.density[1]:
            raise _clash(asked, "polyphony", "density", "a chord alone has more notes")


def _classes(low: int, high: int) -> set[int]:
    return {pitch % 12 for pitch in range(low, high + 1)}


def _bars_and_chords(asked: Controls) -> None:
    if asked.bars is not None and asked.chords is not None and asked.bars < len(asked.chords):
        raise _clash(asked, "bars", "chords", f"the progression has {len(asked.chords)} bars")


def _ending(asked: Controls) -> None:
    if not asked.ending or asked.key is None:
        return
    tonic = Key.parse(asked.key).tonic
    if asked.chords is not None and asked.bars is not None:
        last = asked.chords[(asked.bars - 1) % len(asked.chords)]
        if not any(chord == NO_CHORD or tonic in chord_pitch_classes(chord) for chord in last):
            raise _clash(
                asked,
                "ending",
                "chords",
                f"the tonic of {asked.key} belongs to no chord of the last bar, {' '.join(last)}",
            )
    low, high = asked.range_of.get(EVERY, (0, 127))
    if asked.instruments is None and not any(pitch % 12 == tonic for pitch in range(low, high + 1)):
        raise _clash(asked, "ending", "ranges", f"no tonic of {asked.key} lies within")


def _drums_alone(asked: Controls) -> None:
    if asked.instruments is None or set(asked.instruments) != {DRUMS}:
        return
    for name in ("key", "chords", "bass_on_root", "ending"):
        if getattr(asked, name):
            raise _clash(asked, "instruments", name, "drums have no pitch")


def _pitches_left(asked: Controls) -> None:
    """Whether each instrument that plays has a pitch that key, chords and its range leave it."""
    if not asked.ranges:
        return
    for program in asked.instruments or [EVERY]:
        if program == DRUMS and DRUMS not in asked.range_of:
            continue
        low, high = asked.range_of.get(program, asked.range_of.get(EVERY, (0, 127)))
        classes = _classes(low, high)
        who = "anybody" if program == EVERY else program_name(program)
        if asked.key is not None and program != DRUMS and not classes & Key.parse(asked.key).scale:
            raise _clash(asked, "ranges", "key", f"no pitch is left to {who}")


def _ranges_of_nobody(asked: Controls) -> None:
    if asked.ranges is None:
        return
    _check_named(asked, "ranges", [program for program, _, _ in asked.ranges])


def _check_named(asked: Controls, name: str, named: list[int]) -> None:
    """Whether each instrument that something is asked of plays, and is asked once."""
    twice = [program for number, program in enumerate(named) if program in named[:number]]
    if twice:
        who = "all" if twice[0] == EVERY else program_name(twice[0])
        raise ControlError(f"two {name} of {who} are asked for; expected one")
    if asked.instruments is not None:
        absent = [program for program in named if program not in (*asked.instruments, EVERY)]
        if absent:
            raise _clash(asked, name, "instruments", f"{program_name(absent[0])} does not play")


def _density(asked: Controls) -> None:
    if asked.density is None or asked.instruments is None or asked.bars is None:
        return
    if asked.density[1] * asked.bars < len(asked.instruments):
        raise _clash(asked, "density", "instruments", f"in {asked.bars} bars not all of them would play a note")


def _chords(asked: Controls) -> list[str]:
    return sorted({chord for bar in asked.chords or () for chord in bar} - {NO_CHORD})


_CHECKS: tuple[Callable[[Controls], None], ...] = (
    _two_lists,
    _drums_alone,
    _ranges_of_nobody,
    _key_and_chords,
    _bars_and_chords,
    _bass,
    _ending,
    _pitches_left,
    _density,
    _polyphony,
)
