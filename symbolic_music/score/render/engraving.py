"""A piece as engraved notation: SVG pages, one PDF, or PNG pages. Needs the pip extra "engrave".

Played rhythm is made readable (`layout.readable`), the piece is written as MusicXML, and verovio engraves it in a
child process; typst makes PDF and PNG of its pages, with the fonts that verovio brings, so that they look the same on
every machine. Knows nothing of the command line.
"""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from symusic.core import ScoreTick as Score

from symbolic_music._extras import require
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.layout.readable import readable_rhythm
from symbolic_music.score.musicxml.write import musicxml_text, xml_text
from symbolic_music.score.piece import Piece
from symbolic_music.score.storage import write_atomically

ENGRAVED_SUFFIXES = (".svg", ".pdf", ".png")
"""What engraved notation can be written as."""
TIMEOUT = 300.0
"""Seconds that engraving may take; a symphony's movement takes about one minute."""
_PAGE_WIDTH, _PAGE_HEIGHT = 2100, 2970
"""A4 in tenths of a millimetre, at which verovio draws staves of 7.2 mm."""
_MARGIN = 120
_STAVES_AT_FULL_SIZE = 5
_SMALLER, _SMALLEST = 1.15, 2.4
"""How much smaller than verovio's staves ours are at least and at most: 6.3 mm for few, 3 mm as in a pocket score."""
_TEXT_SIZE, _TITLE_SIZE = 405, 640
"""Letters of verovio's texts as they stand in its pages, and of our titles."""
_CHILD = Path(__file__).with_name("verovio_pages.py")


def write_engraving(music: Piece | Score, path: Path | str, title: str = "", timeout: float = TIMEOUT) -> list[Path]:
    """Write a piece as engraved notation.

    A PDF holds all pages. Of SVG and PNG the first page gets the name asked for, and the further ones "NAME-2.svg" and
    so on, each written whole or not at all, the first page last.

    Args:
        music: a Score in ticks, or a Piece with its chord symbols, title and composer.
        path: the file; its suffix is one of `ENGRAVED_SUFFIXES`.
        title: where the piece has none of its own.
        timeout: seconds that verovio may take.

    Returns:
        The files written, by page.

    Raises:
        ScoreError: the piece cannot be written; timed_out or crashed where verovio could not engrave it.
        MissingExtraError: the extra "engrave" is not installed.
        ValueError: for another suffix.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in ENGRAVED_SUFFIXES:
        raise ValueError(f"expected a file that ends in {', '.join(ENGRAVED_SUFFIXES)}, got {path.name}")
    pages = engrave_pages(music, title, timeout, has_own_fonts=suffix != ".svg")
    if suffix == ".svg":
        written = [page.encode() for page in pages]
    else:
        from symbolic_music.score.render.typeset import pdf_bytes, png_pages

        written = [pdf_bytes(pages)] if suffix == ".pdf" else png_pages(pages)
    paths = [path, *(path.with_stem(f"{path.stem}-{number}") for number in range(2, len(written) + 1))]
    for target, data in reversed(list(zip(paths, written, strict=True))):
        write_atomically(target, data)
    return paths


def engrave_pages(
    music: Piece | Score, title: str = "", timeout: float = TIMEOUT, has_own_fonts: bool = False
) -> list[str]:
    """The pages of a piece as SVG, A4 upright.

    Args:
        music: a Score in ticks, or a Piece.
        title: where the piece has none of its own.
        timeout: seconds that verovio may take.
        has_own_fonts: whether who shows the pages has verovio's text fonts; else text is set in any Times, and the
            font of musical signs is in the file.

    Raises:
        ScoreError: the piece cannot be written; timed_out or crashed where verovio could not engrave it.
        MissingExtraError: verovio is not installed.
    """
    require("verovio")
    piece = music if isinstance(music, Piece) else Piece(music)
    if piece.score.ticks_per_quarter > 0:
        piece = replace(piece, score=readable_rhythm(piece.score))
    text = musicxml_text(piece, title)
    heading = _heading(piece.title or title, piece.composer)
    request = {
        "options": _options(text, has_own_fonts),
        "music": text.replace("<part-list>", f"{heading}<part-list>", 1),
    }
    pages = json.loads(_run_verovio(json.dumps(request).encode(), timeout))
    return [_with_large_title(pages[0]), *pages[1:]] if piece.title or title else pages


def _heading(title: str, composer: str) -> str:
    """The credits of the first page: verovio shows a composer in no other way."""
    lines = ((title, "center", "top"), (composer, "right", "bottom"))
    words = [
        f'<credit-words justify="{justify}" valign="{valign}">{xml_text(text)}</credit-words>'
        for text, justify, valign in lines
        if text
    ]
    return "".join(f'<credit page="1">{each}</credit>' for each in words)


def _with_large_title(page: str) -> str:
    """The first page with its title in large letters, for verovio sets all credits in one size."""
    before, heading, after = page.partition('class="pgHead')
    return before + heading + after.replace(f'font-size="{_TEXT_SIZE}px"', f'font-size="{_TITLE_SIZE}px"', 1)


def _options(text: str, has_own_fonts: bool) -> dict[str, Any]:
    """Verovio's options; the more staves, the smaller they are, so that a system fits on a page."""
    staves = text.count("<clef")
    smaller = min(max(staves / _STAVES_AT_FULL_SIZE, _SMALLER), _SMALLEST)
    return {
        "breaks": "auto",
        "fontTextLiberation": has_own_fonts,
        "footer": "none",
        "header": "auto",
        "justifyVertically": True,
        "mnumInterval": 0,
        "pageHeight": round(_PAGE_HEIGHT * smaller),
        "pageMarginBottom": _MARGIN,
        "pageMarginLeft": _MARGIN,
        "pageMarginRight": _MARGIN,
        "pageMarginTop": _MARGIN,
        "pageWidth": round(_PAGE_WIDTH * smaller),
        "scale": 40,
        "shrinkToFit": True,
        "spacingStaff": 9,
        "smuflTextFont": "none" if has_own_fonts else "embedded",
        "svgViewBox": True,
        # Without a seed every run gives other ids.
        "xmlIdSeed": 1,
    }


def _run_verovio(request: bytes, timeout: float) -> bytes:
    # -P: what lies beside the program must not stand in for a module that verovio imports.
    program = [sys.executable, "-P", str(_CHILD)]
    try:
        finished = subprocess.run(program, input=request, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise ScoreError(Refusal.TIMED_OUT, None, f"verovio has not engraved it within {timeout:g} s") from error
    if finished.returncode == 0:
        return finished.stdout
    if finished.returncode == 1 and not finished.stderr:
        raise ScoreError(Refusal.UNREADABLE, None, "verovio cannot engrave it; expected music that it can load")
    code = finished.returncode
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    last = finished.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise ScoreError(Refusal.CRASHED, None, f"verovio ended {how} while engraving it{': ' * bool(last)}{last}")
