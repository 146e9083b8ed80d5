"""The card of a prepared dataset: what it holds, where it came from, how it was split. Knows only the summary."""

from typing import Any

import yaml

from symbolic_music.data.preparation.splits import SPLITS, SplitBy

_SPLIT_WORDS = {
    SplitBy.GROUP: (
        "Whole near-duplicate groups are dealt to the splits by a hash of their content: settings of one tune, in "
        "whatever key, are never both trained on and held out."
    ),
    SplitBy.RANDOM: (
        "**Pieces are dealt at random: settings of one tune lie on both sides. Losses on these splits are "
        "flattered by leakage; this dataset exists to measure by how much.**"
    ),
}


_PEDAL_WORDS = {
    "auto": "In pieces that look performed (a pedal, and most onsets off the grid of notation), notes last as long as "
    "the pedal holds them, and the pedal itself is gone; in other pieces both are as in the file.",
    "extend": "Notes last as long as the pedal holds them, and the pedal itself is gone.",
    "keep": "Notes last as long as their keys are held, as in the file; pedals are kept beside them.",
}
_MOST_COMPOSERS = 20


def dataset_card(summary: dict[str, Any], command: str, has_overview: bool = False) -> str:
    """The README.md of a dataset folder: YAML that `load_dataset` reads, then words for people.

    Args:
        summary: what `prepare_dataset` returns.
        command: what was typed to make the dataset; "" leaves the section out.
        has_overview: whether `overview.png` lies beside the card.
    """
    presentation = summary["plan"]["settings"]["presentation"]
    names = ", ".join(sorted({entry["source"] for entry in summary["sources"]}))
    sections = [
        _header(summary),
        f"# {presentation['title'] or f'Symbolic music: {names}'}",
        "Pieces as MIDI, one a row, made by `symbolic-music-hf`.",
        *(["![What is in it: composers, centuries, instruments, keys, meters, lengths](overview.png)"] * has_overview),
        _splits_section(summary),
        _skipped_section(summary["skipped"]),
        *([_left_out_section(summary["left_out"])] if summary["left_out"] else []),
        f"## Sustain pedals\n\n{_PEDAL_WORDS[summary['plan']['settings']['pieces']['pedal']]}",
        *([_chords_section(summary)] if summary["chords"]["symbols"] else []),
        _sources_section(summary["sources"], bool(presentation["credits"])),
        *([_composers_section(summary["composers"])] if summary["composers"] else []),
        _columns_section(),
    ]
    if command:
        sections.append(f"## Made with\n\n    {command}")
    return "\n\n".join(sections) + "\n"


def _header(summary: dict[str, Any]) -> str:
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in SPLITS if split in summary["splits"]]
    header = {
        "license": "other",
        "license_name": "see-the-license-column",
        "tags": ["music", "midi", "symbolic-music"],
        "size_categories": [_size_category(sum(count["pieces"] for count in summary["splits"].values()))],
        "configs": [{"config_name": "default", "data_files": files}],
        # `load_dataset` caches a local folder by its name and this header, not by its files (datasets 5.2): without
        # the hash, another dataset in a folder of the same name would silently be the first one again.
        "dataset_info": {"config_name": "default", "description": f"split hash {summary['split_hash']}"},
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---"


def _size_category(pieces: int) -> str:
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for bound, name in bounds if pieces < bound), "n>1M")


def _splits_section(summary: dict[str, Any]) -> str:
    settings, groups = summary["plan"]["settings"], summary["groups"]
    rows = [
        f"| {split} | {count['pieces']:,} | {count['groups']:,} | {count['notes']:,} | {count['bars']:,} "
        f"| {count['hours']:,} |"
        for split, count in summary["splits"].items()
    ]
    return "\n".join(
        [
            "## Splits",
            "",
            "| split | pieces | near-duplicate groups | notes | bars | hours |",
            "|---|---:|---:|---:|---:|---:|",
            *rows,
            "",
            _SPLIT_WORDS[SplitBy(settings["split_by"])],
            "",
            f"- split by: `{settings['split_by']}`, seed {settings['seed']}",
            f'- split hash: `{summary["split_hash"]}` (SHA-256 over the sorted lines "split content-digest")',
            f"- groups: {groups['count']:,}, the largest with {groups['largest']:,} pieces; "
            f"{groups['pieces_with_a_near_duplicate']:,} pieces have a near duplicate; pieces are linked at a MinHash "
            f"Jaccard similarity of {settings['threshold']} or more over runs of six pitch intervals",
            f"- links not followed, because a group would have grown too large: {groups['refused_links']:,}",
        ]
    )


def _skipped_section(skipped: dict[str, int]) -> str:
    rows = [f"| {reason} | {count:,} |" for reason, count in skipped.items()]
    table = ["| reason | count |", "|---|---:|", *rows] if rows else ["Nothing was skipped."]
    return "\n".join(["## Skipped", "", *table, "", "Each is named in `skipped.jsonl`."])


def _left_out_section(left_out: dict[str, dict[str, int]]) -> str:
    rows = [f"| {kind} | {found['count']:,} | {found['units']:,} |" for kind, found in left_out.items()]
    return "\n".join(
        [
            "## Besides the notes",
            "",
            "What the files say that the pieces' MIDI does not: ornaments, words and symbols are left out, macros and "
            "uneven bars (which do not last as long as their meter) are played as written.",
            "",
            "| | count | files, tunes or rows |",
            "|---|---:|---:|",
            *rows,
        ]
    )


def _sources_section(sources: list[dict[str, Any]], has_credits: bool) -> str:
    rows = [_source_row([entry for entry in sources if entry["source"] == name]) for name in _names(sources)]
    words = ["", "Whom to name, and what was changed, is in `ATTRIBUTION.md`."] if has_credits else []
    return "\n".join(
        [
            "## Sources and licences",
            "",
            "| source | kind | pieces | notes | hours | with drums | of 3 or more instruments | licence |",
            "|---|---|---:|---:|---:|---:|---:|---|",
            *rows,
            *words,
        ]
    )


def _names(sources: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(entry["source"] for entry in sources))


def _source_row(entries: list[dict[str, Any]]) -> str:
    """A source's row: its pieces under all wordings of its licence, of which the most frequent one is shown."""
    names = ("pieces", "notes", "with_drums", "with_three_instruments", "hours")
    total = {name: sum(entry[name] for entry in entries) for name in names}
    license = max(entries, key=lambda entry: entry["pieces"])["license"]
    others = f" and {len(entries) - 1} other wordings, see `prepare.json`" if len(entries) > 1 else ""
    return (
        f"| {entries[0]['source']} | {entries[0]['kind'] or 'not said'} | {total['pieces']:,} | {total['notes']:,} "
        f"| {total['hours']:,.1f} | {total['with_drums'] / total['pieces']:.0%} "
        f"| {total['with_three_instruments'] / total['pieces']:.0%} | {license}{others} |"
    )


def _chords_section(summary: dict[str, Any]) -> str:
    found = summary["chords"]
    played = summary["plan"]["settings"]["pieces"]["sound_chords"]
    return (
        "## Chord symbols\n\n"
        f"{found['pieces']:,} pieces have {found['symbols']:,} chord symbols, in the column `chords`. "
        + (
            "They are also played: a piano track of its own strikes each chord where its symbol stands and at every "
            "bar line, the bass from E2 upwards, the chord in close position from G3 upwards."
            if played
            else "They are not among the notes."
        )
    )


def _composers_section(composers: dict[str, int]) -> str:
    rows = [f"| {name.replace('|', '/')} | {count:,} |" for name, count in list(composers.items())[:_MOST_COMPOSERS]]
    more = len(composers) - len(rows)
    end = [f"| {more:,} more, see `prepare.json` | {sum(list(composers.values())[len(rows) :]):,} |"] if more else []
    return "\n".join(
        ["## Composers", "", "As the files name them.", "", "| composer | pieces |", "|---|---:|", *rows, *end]
    )


def _columns_section() -> str:
    return (
        "## Columns\n\n"
        "`midi` (bytes of a MIDI file), `source`, `name` (file and tune), `license` (as the file itself states it, or "
        "its source), `group` (near-duplicate group), `notes`, `bars`, `seconds`, `programs` (General MIDI "
        "numbers from 0; drums are -1), `key` (as the file writes it, or empty), `meter` (the first one), `title`, "
        "`composer` and `composer_dates` (as the file states them, or empty), `chords` (chord symbols: `onset` in "
        "quarter notes from the start of the MIDI file, repeats played out, and `symbol` such as `F#m7b5` or "
        "`Bbmaj7/D`, `N` for no chord; "
        "each holds until the next)."
    )
