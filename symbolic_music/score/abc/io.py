"""ABC notation -> pieces: tune books, and single tunes read by `parse` and played by `notation.assemble`.

Knows nothing of limits on length or of what the Scores are used for.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from symusic.core import ScoreTick as Score
from symusic.core import TempoTick

from symbolic_music.score.abc.parse.reader import read_tune
from symbolic_music.score.abc.parse.written import write_score
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.assemble import assemble
from symbolic_music.score.piece import Piece, Reading
from symbolic_music.score.storage import read_bounded

# Fields that a tune book may state once for all its tunes (ABC 2.1, section 2.2.2).
_BOOK_FIELD = re.compile(r"(?:[ABCDFGHILMmNORrSUZ]:|%%)")
_FIELD = re.compile(r"[A-Za-z+]:")


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


def parse_abc_tune(text: str) -> Score:
    """The Score of one ABC tune; see `read_abc_tune`."""
    return read_abc_tune(text).score


def read_abc_tune(text: str) -> Piece:
    """Play one ABC tune: the notes as written, repeats, parts and D.C. played out.

    Grace notes, trills, rolls and staccato leave the written note unchanged, fermatas do not stretch the bar, and
    `R:hornpipe` does not swing, so that notes stay on the meter's grid. An upbeat is set at the end of a whole first
    bar, so that the bars counted from tick 0 are the bars written.

    Args:
        text: one tune; a missing `X:` is supplied.

    Raises:
        ScoreError: unreadable, no_notes, too_long, too_many_notes, too_many_voices, corrupt_timing or
            pitch_out_of_range.
    """
    if "\0" in text:
        raise ScoreError(Refusal.UNREADABLE, None, "expected ABC text, found NUL bytes")
    tune = read_tune(text)
    piece = assemble(write_score(tune))
    _open_with_tempo(piece.score, tune.opening_tempo)
    piece.title, piece.composer = abc_title(text), abc_field(text, "C")
    piece.key, piece.number = abc_key(text), abc_field(text, "X")
    return piece


def _open_with_tempo(score: Score, quarters_per_minute: float) -> None:
    """State the tempo of the tune's header, which holds from the start and is not said again when bars repeat."""
    if not any(tempo.time == 0 for tempo in score.tempos):
        score.tempos.insert(0, TempoTick(0, quarters_per_minute))


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
    outcomes = [outcome for _, outcome in _read_tunes(data, path)]
    pieces = [outcome for outcome in outcomes if isinstance(outcome, Piece)]
    skipped = [outcome for outcome in outcomes if isinstance(outcome, ScoreError)]
    if not pieces:
        raise skipped[0]
    return Reading(pieces, skipped)


def iter_abc_tunes(path: Path | str) -> Iterator[tuple[str, Score | ScoreError]]:
    """Every tune of a tune book as (tune text, Score, or why there is none), in the book's order.

    Args:
        path: an ABC file of one or many tunes.

    Raises:
        ScoreError: the file cannot be read, or holds no tune.
    """
    for tune, outcome in _read_tunes(read_bounded(path), Path(path)):
        yield tune, outcome.score if isinstance(outcome, Piece) else outcome


def _read_tunes(data: bytes, path: Path) -> Iterator[tuple[str, Piece | ScoreError]]:
    tunes = split_tune_book(decode_abc(data))
    if not tunes:
        raise ScoreError(Refusal.NOT_MUSIC, path, "expected ABC tunes, each with an X: or K: line, found none")
    for place, tune in enumerate(tunes, start=1):
        try:
            yield tune, read_abc_tune(tune)
        except ScoreError as error:
            number = abc_field(tune, "X") or place
            detail = f"tune {number} ({abc_title(tune)}): {error.detail}"
            yield tune, ScoreError(error.refusal, path, detail)


def read_abc(path: Path | str) -> list[Score]:
    """The Scores of every usable tune of an ABC file; see `read_abc_pieces`."""
    return [piece.score for piece in read_abc_pieces(read_bounded(path), Path(path)).pieces]
