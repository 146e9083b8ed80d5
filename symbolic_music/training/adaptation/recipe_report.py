"""What the windows are like that a recipe makes: whether they are music, all instruments play, and do not fall silent.

Knows names of events and the codec; knows no model.
"""

from collections.abc import Sequence
from typing import Any

from symbolic_music.events.codec import DecodingError
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.metrics.intervals import from_to, wilson_interval
from symbolic_music.metrics.rests import describe_rests
from symbolic_music.training.adaptation.recipes import OTHER


def judge_windows(windows: Sequence[Sequence[str]], codec: TrackTextCodec) -> dict[str, Any]:
    """How many windows decode, what share of words is music, whether all instruments play, and the rests."""
    decoded = [window for window in windows if _decodes(window, codec)]
    low, high = wilson_interval(len(decoded), len(windows))
    words = sum(map(len, windows))
    several = [window for window in decoded if count_instruments(window)[0] > 1]
    return {
        "windows": len(windows),
        "decoded": len(decoded),
        "decoded_interval": {"low": low, "high": high},
        "music_words": sum(event != OTHER for window in windows for event in window) / max(words, 1),
        "several_instruments": len(several),
        "all_instruments": sum(named == full for named, full in map(count_instruments, several)),
        "rests": describe_rests(windows) if any(map(_is_music, windows)) else None,
    }


def _is_music(events: Sequence[str]) -> bool:
    """Whether there is any note or rest."""
    return any(event.startswith(("Note_", "Rest_")) for event in events)


def _decodes(events: Sequence[str], codec: TrackTextCodec) -> bool:
    """Whether a window is a piece."""
    try:
        codec.decode(events)
    except DecodingError:
        return False
    return True


def count_instruments(events: Sequence[str]) -> tuple[int, int]:
    """Instruments of the header, and lines of as many bars as it says."""
    behind = events.index("Tracks_None")
    lines = " ".join(events[behind:]).split("Track_")[1:]
    bars = next(int(event[len("Bars_") :]) for event in events if event.startswith("Bars_"))
    named = sum(event.startswith("Instrument_") for event in events[:behind])
    return named, sum(line.count("Bar_") == bars for line in lines)


def recipe_table(results: Sequence[dict[str, Any]]) -> str:
    """What `train/studies/compare_recipes.py` found, as a Markdown table, held-out music first."""
    held_out = results[0]["held_out"]["rests"]
    lines = [
        "| recipe | sampled | bits per note | windows that decode (95%) | words that are music "
        "| rests among events (95%) | against held-out | longest run of rests, 99th percentile (most) "
        "| minutes of training |",
        "|---|---|---|---|---|---|---|---|---|",
        f"| held-out music | | | | | {_rests_cells(held_out, held_out)} | |",
    ]
    for result in results:
        for kind, found in result["sampled"].items():
            lines.append(
                f"| {result['recipe']} | {kind} | {result['held_out']['bits_per_note']:.2f} "
                f"| {found['decoded']} of {found['windows']} ({from_to(found['decoded_interval'])}) "
                f"| {found['music_words']:.2%} | {_rests_cells(found['rests'], held_out)} "
                f"| {result['training']['minutes']:.0f} |"
            )
    return "\n".join(lines) + "\n"


def _rests_cells(found: dict[str, Any] | None, held_out: dict[str, Any]) -> str:
    if found is None:
        return "no note, no rest | | "
    expected = held_out["rest_share"]
    against = f"{found['rest_share'] / expected - 1:+.0%}" if expected else "no rests there"
    return (
        f"{found['rest_share']:.1%} ({from_to(found['rest_share_interval'])}) "
        f"| {against} "
        f"| {found['longest_run_99']:g} ({found['longest_run']})"
    )
