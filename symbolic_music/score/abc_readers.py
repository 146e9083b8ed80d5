"""What other programs make of an ABC tune: abc2midi, as its own checker, and music21. Knows nothing of models."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from symusic.factory import _ABC2MIDI

from symbolic_music._extras import require

READER_MODULES = ("music21.converter",)
"""What `read_by_others` imports when first used, which takes seconds."""
_SECONDS = 60.0
_UNEVEN = re.compile(r"Bar \S+ (?:\S+ )?has ")
_NO_COMPLAINT = re.compile(r"[\d.]+ \w+ \d+ \d+ abc2midi|writing MIDI file|\s*$")


@dataclass(frozen=True)
class OtherReaders:
    """What abc2midi and music21 make of one tune.

    Attributes:
        abc2midi: whether it reads the tune without a warning.
        music21: whether it reads the tune without an error, as many notes as are written.
        uneven_bars: bars that by the account of either do not last as long as their meter says.
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


def read_by_others(text: str, num_notes: int) -> OtherReaders:
    """Have abc2midi and music21 read a tune.

    Args:
        text: one tune.
        num_notes: noteheads it should have, tied ones counted once.

    Raises:
        MissingExtraError: when music21 is not installed.
    """
    complaints = abc2midi_complaints(text)
    by_abc2midi, uneven = not complaints, sum(bool(_UNEVEN.search(line)) for line in complaints)
    try:
        found, uneven_there = music21_notes(text)
    except Exception as error:  # music21 has no one kind of error for a tune that it cannot read
        found, uneven_there = -1, 0
        complaints.append(f"music21: {type(error).__name__}: {error}")
    if 0 <= found != num_notes:
        complaints.append(f"music21 reads {found} notes, expected {num_notes}")
    return OtherReaders(
        by_abc2midi, found == num_notes, max(uneven, uneven_there), complaints[0] if complaints else ""
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


def count_uneven_bars(text: str) -> int:
    """Bars of a tune that, by abc2midi's account, do not last as long as its meter; upbeats and the like allowed."""
    return sum(bool(_UNEVEN.search(line)) for line in abc2midi_complaints(text))


def music21_notes(text: str) -> tuple[int, int]:
    """Notes that music21 reads, tied ones once, and bars that do not last as long as their meter.

    Raises:
        Exception: whatever music21 raises for a tune that it cannot read.
    """
    stream = require("music21.converter").parse(text, format="abc")
    notes = uneven = 0
    for part in stream.parts or [stream]:
        for note in part.recurse().notes:
            members = getattr(note, "notes", (note,))
            notes += sum(member.tie is None or member.tie.type == "start" for member in members)
        for bar in part.getElementsByClass("Measure"):
            uneven += bar.duration.quarterLength != bar.barDuration.quarterLength
    return notes, uneven
