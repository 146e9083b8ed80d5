"""What other programs make of an ABC tune: abc2midi, as its own checker, and music21. Knows nothing of models."""

import math
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from symusic.factory import _ABC2MIDI

from symbolic_music._extras import require

READER_MODULES = ("music21.converter",)
"""What `read_by_others` imports when first used, which takes seconds."""
_SECONDS = 60.0
# Of the quarter notes in a tune; music21's floats of thirds and fifths add up to much less.
_TOLERANCE = 1e-3
_UNEVEN = re.compile(r"Bar \S+ (?:\S+ )?has ")
_NO_COMPLAINT = re.compile(r"[\d.]+ \w+ \d+ \d+ abc2midi|writing MIDI file|\s*$")


@dataclass(frozen=True)
class OtherReaders:
    """What abc2midi and music21 make of one tune.

    Attributes:
        abc2midi: whether it reads the tune without a warning.
        music21: whether it reads the tune without an error, and as much sound as is written.
        uneven_bars: bars that do not last as long as their meter: by abc2midi's account, or as music21 reads them.
        complaint: the first one, in words; "" without any.
    """

    abc2midi: bool
    music21: bool
    uneven_bars: int
    complaint: str = ""

    @property
    def read(self) -> bool:
        """Whether both read it."""
        return self.abc2midi and self.music21


def read_by_others(text: str, sound: float, bars: Sequence[float]) -> OtherReaders:
    """Have abc2midi and music21 read a tune.

    Args:
        text: one tune.
        sound: the lengths of all its notes together, in quarter notes; unlike the number of notes it does not depend
            on what becomes of ties, which music21 loses between chords.
        bars: the length in quarter notes of each bar by its meter. music21's own idea of the meter is not asked: it
            overlooks a change that stands behind a change of key.

    Raises:
        MissingExtraError: when music21 is not installed.
    """
    complaints = abc2midi_complaints(text)
    by_abc2midi, uneven = not complaints, sum(bool(_UNEVEN.search(line)) for line in complaints)
    try:
        found, voices = music21_sound(text)
        uneven_there = sum(differing_bars(voice, bars if len(voice) > 1 else [sum(bars)]) for voice in voices)
    except Exception as error:  # music21 has no one kind of error for a tune that it cannot read
        found, uneven_there = math.nan, 0
        complaints.append(f"music21: {type(error).__name__}: {error}")
    if abs(found - sound) > _TOLERANCE:
        complaints.append(f"music21 reads notes of {found:g} quarters in all, expected {sound:g}")
    return OtherReaders(
        by_abc2midi, abs(found - sound) <= _TOLERANCE, max(uneven, uneven_there), complaints[0] if complaints else ""
    )


def abc2midi_complaints(text: str) -> list[str]:
    """What abc2midi's checker says of a tune, a line each; one line that says so where it crashes or never ends."""
    with tempfile.TemporaryDirectory(prefix="abc2midi-") as folder:
        Path(folder, "tune.abc").write_bytes(text.encode("utf-8", "replace"))
        try:
            done = subprocess.run(
                [str(_ABC2MIDI), "tune.abc", "-c"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return [f"abc2midi took over {_SECONDS:.0f} s"]
    complaints = [line for line in done.stdout.decode("latin-1").splitlines() if not _NO_COMPLAINT.match(line)]
    return complaints + ([f"abc2midi ended by signal {-done.returncode}"] if done.returncode < 0 else [])


def music21_sound(text: str) -> tuple[float, list[list[float]]]:
    """The lengths in quarter notes of all notes that music21 reads, together, and of each bar of each voice.

    A voice of fewer than three bar lines is one length: music21 makes no measures of it.

    Raises:
        Exception: whatever music21 raises for a tune that it cannot read.
    """
    stream = require("music21.converter").parse(text, format="abc")
    sound, voices = 0.0, []
    for part in stream.parts or [stream]:
        sound += sum(float(note.duration.quarterLength) * len(note.pitches) for note in part.recurse().notes)
        bars = list(part.getElementsByClass("Measure")) or [part]
        voices.append([float(bar.duration.quarterLength) for bar in bars])
    return sound, voices


def differing_bars(found: Sequence[float], expected: Sequence[float]) -> int:
    """Bars, by place, whose lengths in quarter notes differ, or which one of the two lacks."""
    pairs = zip_longest(found, expected, fillvalue=math.inf)
    return sum(not math.isclose(bar, wanted, abs_tol=_TOLERANCE) for bar, wanted in pairs)
