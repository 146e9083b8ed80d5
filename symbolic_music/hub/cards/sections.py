"""The sections of a report, which its model's card repeats: Markdown from figures. Measures nothing.

Figures are `report.json`'s, as `symbolic-music evaluate` writes them.
"""

from collections.abc import Mapping
from typing import Any

from symbolic_music.metrics.ensembles.instruments import SHARES
from symbolic_music.metrics.intervals import from_to, in_brackets
from symbolic_music.metrics.memorisation.report import copies_table

REPORT_FILE = "report.json"
PIECE_LOSSES_FILE = "losses.csv"
PLOTS = {"loss": "loss_by_bar.png", "distributions": "distributions.png"}
PIECE_KINDS = ("with_grammar", "without_grammar")


def measured_sections(
    figures: Mapping[str, Any], place: str = "", baseline: Mapping[str, float] | None = None
) -> list[str]:
    """The sections of all parts that a report has, in order, with their plots; one that has nothing to say is empty.

    Args:
        figures: of a report.
        place: folder of the plots, with a slash at its end.
        baseline: see `loss_section`.
    """
    sections = []
    if "loss" in figures:
        sections += [
            loss_section(figures["loss"], baseline),
            f"![Bits per note by place in the piece]({place}{PLOTS['loss']})",
        ]
    if "sampling" in figures:
        sections += [
            validity_section(figures["sampling"]),
            statistics_section(figures["statistics"], figures["pieces"], figures.get("statistics_left_out")),
            f"![Distributions of the statistics, sampled and human]({place}{PLOTS['distributions']})",
            instruments_section(figures),
        ]
    if "memorisation" in figures:
        sections.append(memorisation_section(figures["memorisation"]))
    return [
        *sections,
        control_section(figures.get("control", {})),
        continuation_section(figures.get("continuations")),
    ]


def loss_section(loss: Mapping[str, Any], baseline: Mapping[str, float] | None = None) -> str:
    """How well held-out pieces are predicted.

    Args:
        loss: the report's figures of that name.
        baseline: bits per note of other models on the same pieces, by name.
    """
    interval = loss["bits_per_note_interval"]
    between = in_brackets(interval) if interval else "(too few pieces for an interval)"
    lines = [
        "## Evaluation",
        "",
        f"On {loss['pieces']:,} held-out pieces ({loss['groups']:,} near-duplicate groups, {loss['notes']:,} notes) "
        f"of the `{loss['split']}` split, each scored whole, every token once; the interval is a 95% bootstrap over "
        "groups.",
        "",
        "| measure | value |",
        "|---|---:|",
        f"| **bits per note** | **{loss['bits_per_note']:.3f}** {between} |",
        f"| bits per bar | {loss['bits_per_bar']:.2f} |",
        f"| nats per token | {loss['nats_per_token']:.4f} |",
        f"| perplexity per token | {loss['perplexity_per_token']:.3f} |",
        f"| probability on tokens the grammar allows, before masking | {loss['allowed_mass']:.4%} |",
    ]
    lines += [
        f"| {name}, bits per note | {bits:.3f} (this model is {1 - loss['bits_per_note'] / bits:.1%} lower) |"
        for name, bits in (baseline or {}).items()
    ]
    if loss["refused"]:
        lines += ["", f"Left out, by reason: {_counted(loss['refused'])}."]
    lines += [
        "",
        "Bits per note by place in the piece (a model that copies repeats has cheaper later bars):",
        "",
        "| bars | bits per note |",
        "|---|---:|",
    ]
    lines += [f"| {bars} | {row['bits_per_note']:.3f} |" for bars, row in ranges_of_bars(loss)]
    lines += _later_bars(loss.get("by_bar")) + _labels_table(loss)
    lines += ["", f"Split hash `{loss['split_hash']}`, tokenizer hash `{loss['tokenizer_hash']}`."]
    return "\n".join(lines)


def _later_bars(by_bar: Mapping[str, Any] | None) -> list[str]:
    """Whether the loss still falls after bar 16, where that was measured."""
    cheaper = by_bar["later_is_cheaper_by"] if by_bar else None
    if cheaper is None:
        return []
    return [
        "",
        f"In the {cheaper['pieces']:,} pieces that have them, bars {cheaper['later']} are cheaper than bars "
        f"{cheaper['earlier']} by {cheaper['bits_per_note']:.3f} bits per note {in_brackets(cheaper)}.",
    ]


def _labels_table(loss: Mapping[str, Any]) -> list[str]:
    """Bits per note by source and by kind of music, where there are several."""
    lines = []
    for name in ("source", "kind"):
        table = loss.get(f"by_{name}", {})
        if len(table) > 1:
            lines += ["", f"| {name} | pieces | notes | bits per note |", "|---|---:|---:|---|"]
            lines += [
                f"| {label} | {row['pieces']:,} | {row['notes']:,} | {_bits_with_interval(row)} |"
                for label, row in sorted(table.items())
            ]
    return lines


def _bits_with_interval(row: Mapping[str, Any]) -> str:
    if row["bits_per_note"] is None:
        return "(no notes)"
    between = in_brackets(row["interval"]) if row["interval"] else "(too few pieces for an interval)"
    return f"{row['bits_per_note']:.3f} {between}"


def ranges_of_bars(loss: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Bits per note by place in the piece, in order, where there are notes."""
    rows = sorted(loss["bits_per_note_by_bar"].items(), key=lambda item: int(item[0].split("-")[0].rstrip("+")))
    return [(bars, row) for bars, row in rows if row["notes"]]


def validity_section(sampling: Mapping[str, Any]) -> str:
    """The share of the samples that is music, with the grammar and without."""
    options = sampling["options"]
    lines = [
        "## Validity",
        "",
        f"Samples at temperature {options['temperature']:g}, top-p {options['top_p']:g}, of at most "
        f"{options['max_length']} tokens, seed {options['seed']}. Valid means: the ids decode to a complete Score "
        "with no token dropped or repaired, and encoding that Score gives the same events again. The interval is "
        "Wilson's, at 95%.",
        "",
        "| | samples | valid | share | interval | otherwise |",
        "|---|---:|---:|---:|---|---|",
    ]
    for name in PIECE_KINDS:
        row = sampling[name]
        lines.append(
            f"| {name.replace('_', ' the ', 1)} | {row['pieces']:,} | {row['valid']:,} | {row['share']:.1%} "
            f"| {from_to(row['interval'])} | {_counted(row['reasons']) or 'none'} |"
        )
    lines += ["", "*unfinished*: cut by the length limit; *broken*: a token that may not stand where it does."]
    lines += [
        "",
        f"{sampling['tokens_per_second']:,.0f} tokens and {sampling['notes_per_second']:,.0f} notes a second",
    ]
    lines[-1] += f" on {sampling['machine']}, {options['batch_size']} pieces at once, under the grammar."
    return "\n".join(lines + _readers_table(sampling) + _rests_table(sampling))


def _readers_table(sampling: Mapping[str, Any]) -> list[str]:
    """What other programs read of the same pieces, where that was measured."""
    if "as_abc" not in sampling["with_grammar"]:
        return []
    lines = [
        "",
        "The same pieces written as ABC and read by other programs. A bar is uneven when abc2midi's checker or "
        "music21 says that it does not last as long as its meter.",
        "",
        "| | pieces | read by abc2midi without a warning | read by music21, all of its sound | uneven bars |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in PIECE_KINDS:
        row = sampling[name]["as_abc"]
        lines.append(
            f"| {name.replace('_', ' the ', 1)} | {row['pieces']:,} | {row['abc2midi']:,} | {row['music21']:,} "
            f"| {row['uneven_bars']:,} |"
        )
    return lines


def _rests_table(sampling: Mapping[str, Any]) -> list[str]:
    """Rests among the events of a voice, where the codec writes them: a model that collapses falls silent."""
    if not sampling.get("human_rests"):
        return []
    rows = [(name.replace("_", " the ", 1), sampling[name]["rests"]) for name in PIECE_KINDS]
    lines = [
        "",
        "| | rests among a voice's events | in a row, 99th percentile | at most |",
        "|---|---|---:|---:|",
    ]
    for name, rests in [*rows, ("human", sampling["human_rests"])]:
        if rests is not None:
            lines.append(
                f"| {name} | {rests['rest_share']:.2%} ({from_to(rests['rest_share_interval'])}) "
                f"| {rests['longest_run_99']:g} | {rests['longest_run']} |"
            )
    return lines


def statistics_section(
    statistics: Mapping[str, Any],
    pieces: Mapping[str, int],
    left_out: Mapping[str, Mapping[str, int]] | None = None,
) -> str:
    """Sampled pieces beside human ones.

    Args:
        statistics: by name, what `metrics.statistics.compare_values` gives.
        pieces: how many are "sampled" and "human".
        left_out: what `metrics.statistics.left_out` gives; reports made before it do not know.
    """
    text = f"""## Beside human pieces

Means over {pieces["sampled"]:,} samples and {pieces["human"]:,} held-out human pieces, with 95% bootstrap intervals.
No value is better by itself; what counts is the distance: that of the means in standard deviations of the human
pieces, and the overlapping area (OA) of the distances between and within the sets (Yang & Lerch 2020), which is 1 for
sets that cannot be told apart.

{statistics_table(statistics, pieces)}"""
    for name, counts in (left_out or {}).items():
        text += f"\n\nNo row for {name}: {counts['sampled']} samples and {counts['human']} human pieces have it."
    return text


def statistics_table(statistics: Mapping[str, Any], pieces: Mapping[str, int] | None = None) -> str:
    """Means of two sets with their distance and overlap, a row for each statistic; see `statistics_section`.

    Args:
        statistics: by name.
        pieces: how many are "sampled" and "human"; a statistic that not all of them have says how many do.
    """
    lines = ["| statistic | sampled | human | distance | OA |", "|---|---|---|---|---|"]
    for name, row in statistics.items():
        area = row["overlapping_area"]
        lines.append(
            f"| {name}{_having(row, pieces)} | {_mean(row['sampled'])} | {_mean(row['human'])} "
            f"| {_signed(row['distance'])} | {area['value']:.2f} {in_brackets(area, '{:.2f}')} |"
        )
    return "\n".join(lines)


def _having(row: Mapping[str, Any], pieces: Mapping[str, int] | None) -> str:
    """How many pieces have a statistic, where that is not all of them."""
    counts = {side: row[side].get("pieces") for side in ("sampled", "human")}
    if not pieces or None in counts.values() or counts == {side: pieces[side] for side in counts}:
        return ""
    return f" (of {counts['sampled']:,} and {counts['human']:,})"


def _mean(row: Mapping[str, float]) -> str:
    return f"{row['mean']:.3f} {in_brackets(row)}"


def _signed(row: Mapping[str, float]) -> str:
    return f"{row['value']:+.2f} {in_brackets(row, '{:+.2f}')}"


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())


def memorisation_section(memorisation: Mapping[str, Any]) -> str:
    """What the samples copy from the training pieces, beside what unheard human pieces share with them."""
    return f"""## Memorisation

Runs of notes of one line that a training piece has too, in whatever key and at whatever tempo, against
{memorisation["training_pieces"]:,} training pieces of {memorisation["training_notes"]:,} notes. A note is fresh when
it is no repetition within its run; runs with {memorisation["cover_notes"]} fresh notes or more cover theirs. Copies
alone accuse nobody, since all music shares its turns of phrase: what counts is how much more the samples copy than
held-out human pieces share. Intervals are 95%, over pieces.

{copies_table(dict(memorisation))}"""


def control_section(control: Mapping[str, Mapping[str, float]]) -> str:
    """What was asked for and came; empty when nothing was."""
    if not control:
        return ""
    lines = [
        "## Asked and given",
        "",
        "Pieces that are what was asked for, under the grammar; intervals are Wilson's, at 95%.",
        "",
        "| | asked of | kept by | interval |",
        "|---|---:|---:|---|",
    ]
    lines += [f"| {name} | {row['asked']} | {row['kept']} | {from_to(row)} |" for name, row in control.items()]
    return "\n".join(lines)


def instruments_section(figures: Mapping[str, Any]) -> str:
    """Who plays, and how near each line-up comes to human pieces of the same; empty for reports made before it."""
    if "instruments" not in figures:
        return ""
    sampled, human = (figures["instruments"][side] for side in ("sampled", "human"))
    lines = [
        "## Instruments",
        "",
        "Shares of the pieces, with 95% intervals (Wilson). An instrument is a General MIDI program; drums are one.",
        "",
        "| | sampled | human |",
        "|---|---|---|",
    ]
    for name in SHARES:
        ours, theirs = sampled.get(name), human.get(name)
        if ours and (ours["pieces"] or theirs["pieces"]):
            shares = (f"{row['share']:.1%} ({from_to(row)})" for row in (ours, theirs))
            lines.append(f"| {name} | {' | '.join(shares)} |")
    return "\n".join(lines + distances_table(figures["lineups"], "line-up", "samples"))


def distances_table(rows: Mapping[str, Mapping[str, Any]], name: str, ours: str) -> list[str]:
    """Distances to human pieces of the same kind, a row for each; see `metrics.ensembles.by_label`."""
    lines = [
        "",
        f"Distance to human pieces of the same {name}: |difference of means| in human standard deviations, averaged "
        "over the statistics. Small sets lie apart by chance: the floor is the same distance between two sets drawn "
        "from the human pieces, as large as these.",
        "",
        f"| {name} | {ours} | human pieces | distance | floor |",
        "|---|---:|---:|---:|---:|",
    ]
    for label, row in sorted(rows.items()):
        apart = "none | none" if row["distance"] is None else f"{row['distance']:.2f} | {row['floor']:.2f}"
        lines.append(f"| {label} | {row['sampled']:,} | {row['human']:,} | {apart} |")
    return lines


_SIDES = {"continuation": "the model", "truth": "what was written", "another": "another piece"}
_CONTINUED = {
    "instruments_kept": "the prompt's instruments that play on",
    "same_instruments": "pieces with just the prompt's instruments",
    "new_instruments": "notes by other instruments",
    "in_key": "sound in the prompt's key",
    "same_key": "pieces whose key is the prompt's",
}


def continuation_section(continuations: Mapping[str, Any] | None) -> str:
    """Held-out pieces that the model went on with; empty when it was not asked to."""
    if not continuations:
        return ""
    settings = continuations["settings"]
    lines = [
        "## Continuing",
        "",
        f"Of {continuations['asked']:,} held-out pieces, no two of one near-duplicate group, "
        f"{settings['prompt_bars']} bars were given and {settings['continued_bars']} asked for; "
        f"{continuations['judged']:,} came, {continuations['silent']:,} of them silent"
        + (f"; none came of others: {_counted(continuations['refused'])}. " if continuations["refused"] else ". ")
        + "Beside them: the bars that follow in the piece, and the same bars of another held-out piece. The key is "
        "that of the prompt after Krumhansl and Schmuckler; sound is counted in time. Distances to what was written "
        "are means over the statistics of notes, in human standard deviations. Intervals are 95%.",
        "",
        f"| | {' | '.join(_SIDES.values())} |",
        "|---|---|---|---|",
    ]
    for name, words in _CONTINUED.items():
        lines.append(f"| {words} | {' | '.join(_part(continuations[side][name]) for side in _SIDES)} |")
    distances = [_part(continuations[side]["distance"], "{:.3f}") for side in ("continuation", "another")]
    lines += [
        f"| distance to what was written | {distances[0]} | 0, being itself | {distances[1]} |",
        "",
        "The model comes nearer to what was written than another piece in "
        f"{_part(continuations['nearer_than_another'])} of the pieces" + _of_same_source(continuations),
    ]
    for name in ("source", "kind"):
        if f"by_{name}" in continuations:
            lines += distances_table(continuations[f"by_{name}"], name, "continuations")
    return "\n".join(lines)


def _of_same_source(continuations: Mapping[str, Any]) -> str:
    """The end of a sentence: another piece of the same source, where sources have several."""
    nearer = continuations["nearer_than_another_of_source"]
    if nearer is None:
        return "."
    distance = continuations["another_of_source"]["distance"]
    return f", and than one of the same source, which lies at {_part(distance, '{:.3f}')}, in {_part(nearer)}."


def _part(row: Mapping[str, Any] | None, pattern: str = "{:.1%}") -> str:
    """A mean or a share with its interval."""
    if row is None:
        return "none"  # a dash would say that a figure is missing
    return f"{pattern.format(row['mean' if 'mean' in row else 'share'])} {in_brackets(row, pattern)}"
