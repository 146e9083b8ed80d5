"""What each codec loses of real music: with the vocabularies that shipped first, and with those of today.

    python tests/benchmarks/bench_codec_losses.py [--every 10]

"before" has the settings in the files of `tokenizer_assets/remi-folk`, `tokenizer_assets/abc-notes` and
`model_cards/infill-transformer-folk`; "after" the codecs' own, with windows of as many bars. A piece is refused when
nothing at all can be written of it, or of one of its windows. Drift is how far off the last onset is, in seconds.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from _report import report

from symbolic_music.events.losses import losses
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import read_scores

FOLDERS = ("midi_multi", "midi_song", "midi_piano", "midi_satb", "abc/nottingham", "abc/open_hymnal")
SHIPPED = {
    "remi": (RemiCodec, "tokenizer_assets/remi-folk"),
    "abc_notes": (AbcNotesCodec, "tokenizer_assets/abc-notes"),
    "track_text": (TrackTextCodec, "model_cards/infill-transformer-folk"),
}
SUFFIXES = (".mid", ".abc")
_CODECS: dict = {}


def prepare() -> None:
    """The codecs of a worker, by name and when."""
    for name, (codec_class, folder) in SHIPPED.items():
        settings = json.loads((Path(folder) / "processor_config.json").read_text())["codec"]
        _CODECS[name, "before"] = codec_class.from_dict(settings)
        _CODECS[name, "after"] = codec_class()
    windows = _CODECS["track_text", "after"].settings
    bars = _CODECS["track_text", "before"].settings.max_bars
    _CODECS["track_text", "after"] = TrackTextCodec(replace(windows, max_bars=bars))


def check(path: Path) -> list[dict]:
    """What every codec loses of every piece of a file."""
    try:
        pieces = [score for score in read_scores(path) if score.note_num()]
    except ScoreError:
        return []
    return [
        {key: losses(codec, piece) for key, codec in _CODECS.items()}
        for piece in pieces
        if piece.ticks_per_quarter > 0
    ]


def rows_of(folder: str, pieces: list[dict]) -> Iterator[dict]:
    """One row for each codec, before and after."""
    for name in SHIPPED:
        for when in ("before", "after"):
            lost = [piece[name, when] for piece in pieces]
            notes = sum(piece.notes for piece in lost)
            drifts = np.abs([piece.drift for piece in lost if not piece.refused])
            yield {
                "folder": folder,
                "codec": name,
                "settings": when,
                "pieces": len(lost),
                "refused": sum(piece.refused > 0 for piece in lost),
                "notes": notes,
                "kept, %": 100 * (1 - sum(piece.left_out + piece.merged for piece in lost) / notes),
                "shortened": sum(piece.shortened for piece in lost),
                "bars changed": sum(piece.bars_changed for piece in lost),
                "drift median, s": float(np.median(drifts)),
                "p90": float(np.percentile(drifts, 90)),
                "highest": float(drifts.max()),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, default=os.environ.get("SYMBOLIC_MUSIC_SHARED_DATA", "../shared/data"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th file")
    arguments = parser.parse_args()
    rows = []
    with get_context("spawn").Pool(arguments.workers, initializer=prepare) as pool:
        for folder in FOLDERS:
            paths = sorted(
                path for path in (Path(arguments.music) / folder).rglob("*") if path.suffix.lower() in SUFFIXES
            )[:: arguments.every]
            pieces = [piece for found in pool.imap(check, paths, chunksize=4) for piece in found]
            if pieces:
                rows += rows_of(folder, pieces)
    report("bench_codec_losses", rows, goal="no piece refused; the last onset where it was", every=arguments.every)


if __name__ == "__main__":
    main()
