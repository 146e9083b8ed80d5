"""The figures of a report in a few lines, for whoever waits for it at a terminal. Measures nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from symbolic_music.hub.cards.model_index import mean_distance, mean_overlap
from symbolic_music.hub.cards.sections import PIECE_KINDS
from symbolic_music.metrics.intervals import from_to, in_brackets
from symbolic_music.metrics.memorisation.report import copies_table


def report_lines(figures: Mapping[str, Any]) -> list[str]:
    """What the parts of a report on a composer, or on a folder of pieces, found.

    Args:
        figures: of the report; parts that it lacks are passed over.
    """
    lines: list[str] = []
    if "loss" in figures:
        lines += _loss_lines(figures["loss"])
    if "sampling" in figures:
        lines += _sampling_lines(figures)
    if "memorisation" in figures:
        lines.append(copies_table(figures["memorisation"]))
    for name, row in figures.get("control", {}).items():
        lines.append(f"asked for {name}: {row['kept']} of {row['asked']} pieces are so")
    if figures.get("continuations"):
        lines.append(f"{figures['continuations']['judged']} of {figures['continuations']['asked']} pieces continued")
    refused = figures.get("pieces", {})
    for name, whose in (("refused", "human pieces"), ("refused_samples", "samples")):
        lines += [f"{count:,} {whose} left out: {reason}" for reason, count in refused.get(name, {}).items()]
    return lines


def filler_lines(beside: Mapping[str, Any] | None, filling: Mapping[str, Any] | None) -> list[str]:
    """What a report on a model that fills bars found; see `evaluate.FillerReport`."""
    lines = [_row_beside(row, number) for number, row in enumerate(beside["models"])] if beside else []
    if filling is None:
        return lines
    for name in PIECE_KINDS:
        row = filling[name]
        lines.append(
            f"{name.replace('_', ' ')}: {row['valid']} of {row['samples']} fills are as long as their bars "
            f"(95% interval {from_to(row['interval'])}); all else untouched in {row['untouched']} of {row['valid']}; "
            f"{row['notes_per_second']:.0f} notes a second"
        )
    if "statistics" in filling:
        lines.append(_likeness(filling, "what people wrote there"))
    if "memorisation" in filling:
        copied, human = (filling["memorisation"][side]["covered"]["mean"] for side in ("samples", "human"))
        lines.append(f"covered by copies {copied:.1%}, human {human:.1%}")
    return lines


def _loss_lines(loss: Mapping[str, Any]) -> Iterator[str]:
    yield f"{loss['pieces']:,} pieces, {loss['notes']:,} notes; refused: {loss['refused'] or 'none'}"
    yield f"{loss['nats_per_token']:.4f} nats/token, perplexity {loss['perplexity_per_token']:.2f}"
    if loss["bits_per_note"] is not None:
        yield f"{_bits(loss['bits_per_note'], loss['bits_per_note_interval'])}, {loss['bits_per_bar']:.2f} bits/bar"
    yield f"{loss['allowed_mass']:.5f} of the probability on allowed tokens"
    for bars, row in loss["bits_per_note_by_bar"].items():
        if row["notes"]:
            yield f"bars {bars}: {row['bits_per_note']:.3f} bits/note over {row['notes']:,} notes"
    cheaper = loss["by_bar"]["later_is_cheaper_by"]
    if cheaper is not None:
        yield (
            f"bars {cheaper['later']} of {cheaper['pieces']:,} long pieces are cheaper than their bars "
            f"{cheaper['earlier']} by {_bits(cheaper['bits_per_note'], cheaper)}"
        )
    for name in ("source", "kind"):
        for label, row in loss.get(f"by_{name}", {}).items():
            bits = "no notes" if row["bits_per_note"] is None else _bits(row["bits_per_note"], row["interval"])
            yield f"{name} {label}: {bits}, {row['pieces']:,} pieces, {row['notes']:,} notes"


def _sampling_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    sampling = figures["sampling"]
    for name in PIECE_KINDS:
        row = sampling[name]
        yield (
            f"{name.replace('_', ' ')}: {row['valid']} of {row['pieces']} valid ({row['share']:.1%}, 95% interval "
            f"{from_to(row['interval'])}), {row['reasons'] or 'none invalid'}"
        )
        if row.get("rests"):
            yield f"  rests: {_rests(row['rests'])}, human {_rests(sampling['human_rests'])}"
        if "as_abc" in row:
            tunes = row["as_abc"]
            yield (
                f"  as ABC: abc2midi reads {tunes['abc2midi']}, music21 {tunes['music21']}; {tunes['uneven_bars']} "
                f"bars disagree with their meter; {tunes['complaints'] or 'no complaints'}"
            )
    for name, row in figures["statistics"].items():
        sampled, human = (f"{row[side]['mean']:.3f} {in_brackets(row[side])}" for side in ("sampled", "human"))
        yield f"{name}: {sampled} sampled, {human} human"
    for name, row in figures["instruments"]["sampled"].items():
        human = figures["instruments"]["human"][name]["share"]
        yield f"{name}: {row['share']:.1%} ({from_to(row)}) sampled, {human:.1%} human"
    yield _likeness(figures, "human pieces")


def _bits(value: float, interval: Mapping[str, float] | None) -> str:
    return f"{value:.3f} bits/note" + (f" {in_brackets(interval)}" if interval else "")


def _rests(rests: Mapping[str, Any]) -> str:
    """Share of rests and length of their runs in a few words."""
    between = in_brackets(rests["rest_share_interval"], "{:.2%}")
    return f"{rests['rest_share']:.2%} of events {between}, at most {rests['longest_run']} in a row"


def _likeness(figures: Mapping[str, Any], human: str) -> str:
    return (
        f"{mean_distance(figures):.2f} standard deviations from {human}, overlapping area {mean_overlap(figures):.2f}"
    )


def _row_beside(row: Mapping[str, Any], number: int) -> str:
    """One model in a line; the first is number 0."""
    text = f"{row['model']} ({row['style']}): {_bits(row['bits_per_note'], row['bits_per_note_interval'])}"
    cheaper = row["first_is_cheaper_by"]
    if number == 0 or cheaper is None:
        return text
    return f"{text}; the first is cheaper by {_bits(cheaper['bits_per_note'], cheaper)}"
