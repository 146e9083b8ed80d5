"""ABC notation -> Scores: tune books, and single tunes through the abc2midi program that symusic ships.

abc2midi runs as a process of its own: its warnings never reach this process's output, and a tune that makes it crash
or hang is refused by name. Knows nothing of limits on length or of what the Scores are used for.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from symusic.core import KeySignatureTickList, NoteTickList, TempoTickList, TimeSignatureTick, TimeSignatureTickList
from symusic.core import ScoreTick as Score
from symusic.factory import _ABC2MIDI

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.piece import Piece, Reading
from symbolic_music.score.storage import read_bounded
from symbolic_music.score.transforms import delay

ABC2MIDI_SECONDS = 10.0
"""A tune takes about 4 ms; one that takes this long never ends."""
# Fields that a tune book may state once for all its tunes (ABC 2.1, section 2.2.2).
_BOOK_FIELD = re.compile(r"(?:[ABCDFGHILMmNORrSUZ]:|%%)")
_FIELD = re.compile(r"[A-Za-z+]:")
_REFERENCE = re.compile(r"^X:.*\n?", re.MULTILINE)
# An include would have abc2midi open any file that the tune names.
_INCLUDE = re.compile(r"^(?:%%\s*abc-include|I:\s*abc-include).*$", re.MULTILINE | re.IGNORECASE)
_MUSIC_TOKEN = re.compile(
    r'"[^"]*"|![^!|\s]*!|\+[a-z]+\+|\{[^}]*\}|\[[A-Za-z]:[^\]]*\]|\[\||:*\|+[:\]]*|::|%.*|(?P<note>[A-Ga-gxzZ])|.'
)
_BARLINE = re.compile(r":*\||::")
# abc2midi plays the first four as several short notes and halves the others; a Score holds the note as written.
_ORNAMENTS = frozenset(["T", "~", "R", "!trill!", ".", "!breath!"])
# By default abc2midi starts each note of a chord 10 ticks after the one before.
_TOGETHER = "%%MIDI chordattack 0"
# What abc2midi supposes where a tune does not say.
_DEFAULT_TEMPO = "1/4=120"
# Quarter notes per minute that no tune has: they mark the ticks of the first barline, of meters and of keys.
_BARLINE_MARK, _METER_MARK, _KEY_MARK = 3001, 3002, 3003
# The ticks of a 1/128 note, on whose multiples all bar lines lie.
_SHORTEST_LENGTH = 15


def split_tune_book(text: str) -> list[str]:
    """Split a tune book into tunes, in order; each is a text that stands alone.

    A tune begins at its `X:` line and ends at the first empty line after music (ABC 2.1, section 2.2.1), or at the
    next `X:`. Fields before the first `X:` apply to every tune: they are put right behind each `X:`.

    Returns:
        The tunes; a text without any `X:` is one tune if it has a `K:`, and no tune otherwise.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    starts = [match.start() for match in re.finditer(r"^[ \t]*X:", text, re.MULTILINE)]
    if not starts:
        return [f"X:1\n{text}"] if re.search(r"^K:", text, re.MULTILINE) else []
    book_fields = [line for line in text[: starts[0]].split("\n") if _BOOK_FIELD.match(line)]
    bounds = zip(starts, [*starts[1:], len(text)], strict=True)
    return [_tune(text[start:end].lstrip(), book_fields) for start, end in bounds]


def _tune(text: str, book_fields: list[str]) -> str:
    reference, *lines = text.split("\n")
    kept, has_key, has_music = [reference, *book_fields], False, False
    for line in lines:
        if not line.strip():
            if has_music:
                break
            continue
        has_key = has_key or line.startswith("K:")
        has_music = has_music or (has_key and _is_music(line))
        kept.append(line)
    return "\n".join(kept) + "\n"


def _is_music(line: str) -> bool:
    """Whether a line after the tune's `K:` holds notes rather than a field, a directive or a comment."""
    return not line.startswith("%") and not _FIELD.match(line)


def abc_field(text: str, letter: str) -> str:
    """The first value of an information field of a tune, such as its key "K" or title "T"; "" where it has none."""
    match = re.search(rf"^{letter}:([^%\n]*)", text, re.MULTILINE)
    return match[1].strip() if match else ""


def abc_title(text: str) -> str:
    """The title of a tune as written in its first `T:` field; "" where it has none."""
    return abc_field(text, "T")


def abc_key(text: str) -> str:
    """The key of a tune as written in its first `K:` field ("Ador", "G"); "" where it has none."""
    return abc_field(text, "K")


def parse_abc_tune(text: str, chord_symbols: bool = False) -> Score:
    """Play one ABC tune into a Score in ticks: the notes as written, repeats played out.

    Grace notes, trills, rolls and staccato leave the written note unchanged, and fermatas do not stretch the bar, so
    that notes stay on the meter's grid. An upbeat is set at the end of a whole first bar, so that the bars counted
    from tick 0 are the bars written.

    Args:
        text: one tune; a missing `X:` is supplied.
        chord_symbols: whether to also play chord symbols ("Am") as an accompaniment in tracks of its own, the way
            abc2midi makes it up. Off by default: those notes are not written in the tune.

    Raises:
        ScoreError: unreadable, timed_out, crashed or no_notes.
    """
    if "\0" in text:
        raise ScoreError(Refusal.UNREADABLE, None, "expected ABC text, found NUL bytes")
    if not re.search(r"^X:", text, re.MULTILINE):
        text = f"X:1\n{text}"
    midi = _run_abc2midi(_prepare(text), chord_symbols)
    score = read_midi(midi)
    if score.note_num() == 0:
        raise ScoreError(Refusal.NO_NOTES, None, "expected an ABC tune with notes, found none")
    return _align_upbeat(*_place_changes(_undo_abc2midi_gap(score), midi))


def _run_abc2midi(text: str, chord_symbols: bool) -> bytes:
    """The MIDI bytes abc2midi makes of a tune, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="abc2midi-") as folder:
        tune, midi = Path(folder, "tune.abc"), Path(folder, "tune.mid")
        tune.write_bytes(text.encode("utf-8", "replace"))
        command = [str(_ABC2MIDI), "tune.abc", "-o", "tune.mid", "-silent", "-NFER", "-NGRA"]
        command += [] if chord_symbols else ["-NGUI"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=ABC2MIDI_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise ScoreError(Refusal.TIMED_OUT, None, f"abc2midi took over {ABC2MIDI_SECONDS:.0f} s") from error
        if done.returncode < 0:
            raise ScoreError(Refusal.CRASHED, None, f"abc2midi ended by signal {-done.returncode}")
        if not midi.exists():
            raise ScoreError(Refusal.UNREADABLE, None, "expected an ABC tune with X: and K:; abc2midi made no MIDI")
        return midi.read_bytes()


def _prepare(text: str) -> str:
    """The tune without includes and ornaments, its first barline and its changes of meter and key marked by tempos."""
    lines = _INCLUDE.sub("", text).split("\n")
    prepared, in_body = _Preparation(), False
    for number, line in enumerate(lines):
        lines[number] = prepared.music(line) if in_body and _is_music(line) else prepared.field(line, in_body)
        in_body = in_body or line.startswith("K:")
    return _REFERENCE.sub(lambda reference: f"{reference[0].rstrip()}\n{_TOGETHER}\n", "\n".join(lines), count=1)


class _Preparation:
    """Goes through a tune line by line; knows the tempo in force and whether the first voice is being written.

    abc2midi puts meters, keys and control changes that follow a rest to where the rest began, but tempos to where they
    are written. So a tempo of its own marks each of them, followed by the tempo in force. abc2midi plays the tempos of
    the first voice only.
    """

    def __init__(self) -> None:
        self.seen_barline = False
        self.tempo = _DEFAULT_TEMPO
        self.first_voice: str | None = None
        self.voice: str | None = None

    def field(self, line: str, in_body: bool) -> str:
        """A line that is a field, directive or comment, with what must precede it."""
        letter, value = line[:2], line[2:].partition("%")[0].strip()
        self._note_field(letter, value)
        mark = self._mark_of(letter[:1]) if in_body and letter[1:] == ":" else ""
        return f"{mark}\\\n{line}" if mark else line

    def music(self, line: str) -> str:
        """One line of music without ornaments."""
        kept: list[str] = []
        seen_note = False
        for token in _MUSIC_TOKEN.finditer(line):
            text = token[0]
            seen_note = seen_note or token["note"] is not None
            if not self.seen_barline and seen_note and _BARLINE.match(text):
                # A segno or coda sign before the barline belongs to it.
                kept.insert(len(kept) - (kept[-1] in ("S", "O")), self._mark(_BARLINE_MARK))
                self.seen_barline = True
            if text[:1] == "[" and text[2:3] == ":":
                self._note_field(text[1:3], text[3:-1].strip())
                kept.append(self._mark_of(text[1]))
            if text not in _ORNAMENTS:
                kept.append(text)
        return "".join(kept)

    def _note_field(self, letter: str, value: str) -> None:
        if letter == "Q:" and value:
            self.tempo = value
        elif letter == "V:" and value:
            self.voice = value.split()[0]
            self.first_voice = self.first_voice or self.voice

    def _mark_of(self, letter: str) -> str:
        """The mark of a meter or key; "" for other fields."""
        if letter not in "MK":
            return ""
        return self._mark(_METER_MARK if letter == "M" else _KEY_MARK)

    def _mark(self, kind: int) -> str:
        return f"[Q:1/4={kind}][Q:{self.tempo}]" if self.voice == self.first_voice else ""


def _undo_abc2midi_gap(score: Score) -> Score:
    """abc2midi starts each note one tick late, so that it never meets the one before; give it back."""
    score = score.copy()
    for track in score.tracks:
        notes = track.notes.numpy()
        track.notes = NoteTickList.from_numpy(
            notes["time"] - np.int32(1), notes["duration"] + np.int32(1), notes["pitch"], notes["velocity"]
        )
    return score


def _place_changes(score: Score, midi: bytes) -> tuple[Score, int | None]:
    """The Score with its meters and keys where their marks are, and the tick of the first barline's mark."""
    opening, *voices = _chunks(midi, 2)
    first_voice = opening if opening.note_num() or not voices else voices[0]
    marks: dict[int, list[int]] = {kind: [] for kind in (_BARLINE_MARK, _METER_MARK, _KEY_MARK)}
    tempos = []
    for tempo in opening.tempos:
        # After a rest a tempo is as late as the note behind it.
        tempo.time -= tempo.time % _SHORTEST_LENGTH == 1
        kind = round(tempo.qpm)
        marks[kind].append(tempo.time) if kind in marks else tempos.append(tempo)
    meters, keys = list(opening.time_signatures), list(opening.key_signatures)
    if first_voice is not opening:
        meters += first_voice.time_signatures
        keys += first_voice.key_signatures
    placed = score.copy()
    placed.tempos = TempoTickList(_changes_of(tempos, lambda tempo: tempo.mspq))
    placed.time_signatures = TimeSignatureTickList(_changes_of(_moved_to(meters, marks[_METER_MARK]), _fraction))
    placed.key_signatures = KeySignatureTickList(
        _changes_of(_moved_to(keys, marks[_KEY_MARK]), lambda key: (key.key, key.tonality))
    )
    return placed, min(marks[_BARLINE_MARK], default=None)


def _chunks(midi: bytes, most: int) -> list[Score]:
    """The first track chunks of a MIDI file, each by itself."""
    chunks: list[Score] = []
    start = 14
    while start < len(midi) and len(chunks) < most:
        end = start + 8 + int.from_bytes(midi[start + 4 : start + 8], "big")
        chunks.append(read_midi(midi[:10] + (1).to_bytes(2, "big") + midi[12:14] + midi[start:end]))
        start = end
    return chunks


def _moved_to(events: list[Any], ticks: list[int]) -> list[Any]:
    """The events, the last of them moved to the ticks of their marks."""
    if len(ticks) <= len(events):
        for event, tick in zip(events[len(events) - len(ticks) :], ticks, strict=True):
            event.time = tick
    return events


def _changes_of(events: Iterable[Any], value: Callable[[Any], Any]) -> list[Any]:
    """The events whose value differs from the one in force."""
    kept: list[Any] = []
    for event in events:
        if not kept or value(kept[-1]) != value(event):
            kept.append(event)
    return kept


def _align_upbeat(score: Score, barline: int | None) -> Score:
    """Delay a tune whose first barline comes before a whole bar, until that barline is where the second bar starts."""
    meter = next((meter for meter in score.time_signatures if meter.time == 0), None)
    if barline is None or meter is None:
        return score
    bar = 4 * score.ticks_per_quarter * meter.numerator // meter.denominator
    return delay(score, bar - barline) if 0 < barline < bar else score


def _fraction(meter: TimeSignatureTick) -> tuple[int, int]:
    return meter.numerator, meter.denominator


def decode_abc(data: bytes) -> str:
    """ABC bytes as text: UTF-8 or UTF-16 where they are that, Latin-1 (the encoding of older tune books) otherwise."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_abc_pieces(data: bytes, path: Path) -> Reading:
    """Every usable tune of an ABC tune book, from its bytes; errors name `path`.

    Raises:
        ScoreError: no tune, or not one that can be used; then the first tune's reason.
    """
    pieces, skipped = [], []
    for tune, outcome in _read_tunes(data, path):
        if isinstance(outcome, ScoreError):
            skipped.append(outcome)
        else:
            number = abc_field(tune, "X")
            pieces.append(Piece(outcome, title=abc_title(tune), key=abc_key(tune), number=number))
    if not pieces:
        raise skipped[0]
    return Reading(pieces, skipped)


def iter_abc_tunes(path: Path | str, chord_symbols: bool = False) -> Iterator[tuple[str, Score | ScoreError]]:
    """Every tune of a tune book as (tune text, Score, or why there is none), in the book's order.

    Args:
        path: an ABC file of one or many tunes.
        chord_symbols: as for `parse_abc_tune`.

    Raises:
        ScoreError: the file cannot be read, or holds no tune.
    """
    return _read_tunes(read_bounded(path), Path(path), chord_symbols)


def _read_tunes(data: bytes, path: Path, chord_symbols: bool = False) -> Iterator[tuple[str, Score | ScoreError]]:
    tunes = split_tune_book(decode_abc(data))
    if not tunes:
        raise ScoreError(Refusal.NOT_MUSIC, path, "expected ABC tunes, each with an X: or K: line, found none")
    for number, tune in enumerate(tunes, start=1):
        try:
            yield tune, parse_abc_tune(tune, chord_symbols)
        except ScoreError as error:
            yield tune, ScoreError(error.refusal, path, f"tune {number} ({abc_title(tune)}): {error.detail}")


def read_abc(path: Path | str) -> list[Score]:
    """The Scores of every usable tune of an ABC file; see `read_abc_pieces`."""
    return [piece.score for piece in read_abc_pieces(read_bounded(path), Path(path)).pieces]
