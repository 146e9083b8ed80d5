"""What a model can be asked for, with ranges: what its vocabulary can say. Knows no weights."""

from typing import Any

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.controls.automata.repeats import MOST_REPEATS
from symbolic_music.events.controls.dialect import dialect_of
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.score.programs import DRUMS

# Whatever the representation, by name of a flag.
_EVERYWHERE = {
    "chords": "by bar or by equal parts of it; strong beats on chord tones",
    "bass-on-root": "the lowest note where each chord begins is its root; needs chords",
    "max-repeats": {"from": 0, "to": MOST_REPEATS, "counts": "repeats of one bar in a row"},
    "ending": "on a strong beat and the tonic; needs a key",
    "keep": "a music file whose notes stay, each at its onset with its duration and instrument",
    "rhythm": "a music file whose onsets and durations are taken, by instrument, with other pitches",
    "pitches": "a music file whose pitches are taken, voice by voice in their order, with another rhythm",
    "ask": "the same in words",
}


def abilities(codec: ScoreCodec) -> dict[str, Any]:
    """What pieces can be asked to be, by name of the flag of `symbolic-music generate` without its dashes.

    Lists are of all values; two numbers under "from" and "to" are a range; a text says what else there is to know. A
    model that fills in bars can be asked for key and range alone.
    """
    dialect = dialect_of(codec)
    pitches = dialect.pitch[dialect.notes]
    span = {"from": int(pitches.min()), "to": int(pitches.max())}
    keys = sorted(dialect.keys) if dialect.keys else "every major and minor key; notes of its scale alone"
    if isinstance(codec, TrackTextCodec) and codec.settings.max_masks:
        return {"key": "every major and minor key; notes of its scale alone", "range": span, "playable": True}
    programs = [program for program in dialect.programs if program != DRUMS]
    bars: dict[str, Any] = {"from": 1, "to": dialect.max_bars}
    tempos = sorted(dialect.tempos)
    found: dict[str, Any] = {
        "bpm": {"from": tempos[0], "to": tempos[-1], "values": len(tempos)},
        "meter": list(dialect.meters),
        "key": keys,
        "bars": bars if dialect.max_bars is not None else {"from": 1, "to": "as many as fit the context"},
        "instruments": {
            "programs": {"from": min(programs), "to": max(programs)},
            "drums": DRUMS in dialect.programs,
            "most": dialect.max_voices if dialect.max_voices is not None else "no limit",
        },
        "with-instruments": "the same",
        "range": span,
        "playable": True,
        "density": {"from": 0, "to": "no limit"},
        "polyphony": {"from": 1, "to": "no limit", "counts": "notes that one track begins together"},
        **_EVERYWHERE,
    }
    if dialect.kind == "track_text":
        found["bass-on-root"] += " and instruments, of which the last bears it, below middle C"
    return found
