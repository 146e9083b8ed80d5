"""`symbolic-music evaluate` and `compare`: what a model is worth, and pieces or models side by side."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolic_music._command import shown_command
from symbolic_music.cli.shared import (
    TOP_P_HELP,
    UserError,
    add_sampling_flags,
    load_model,
    read_pieces,
    sampling_options,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from symbolic_music.report.settings import ReportSettings
    from symbolic_music.tokenization.processing_music import MusicProcessor

_OF_COMPOSERS = (
    *("num_free_samples", "read_as_abc", "kinds", "context_length", "ignore_before"),
    *("continuations", "prompt_bars", "continued_bars"),
)
"""Flags that say nothing to a model that fills bars."""
_OF_MODELS = (
    *("num_samples", "num_free_samples", "max_tokens", "temperature", "top_p", "batch_size", "read_as_abc"),
    *("kinds", "loss_pieces", "context_length", "beside", "continuations", "prompt_bars", "continued_bars"),
)
"""Flags that say nothing to pieces that are there."""
_FEWEST = dict.fromkeys(("num_samples", "num_free_samples", "loss_pieces", "batch_size", "prompt_bars"), 1)
_FEWEST |= {"continued_bars": 1, "context_length": 2}


# --- A model ---------------------------------------------------------------------------------------------------------


def add_evaluate(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser(
        "evaluate",
        help="a report on a model: loss, validity, likeness to human music, copies",
        description="A report on a model that composes or fills bars, or on an adapter; or on parts of it alone.",
    )
    parser.add_argument("--model", metavar="PATH_OR_ID", help="model folder, adapter folder or Hub id")
    parser.add_argument("--dataset", required=True, metavar="PATH_OR_ID", help="with the split that trained the model")
    parser.add_argument(
        "--split", default="test", help="held-out pieces to hold the model against, or several: a,b (default test)"
    )
    parser.add_argument(
        "--only",
        metavar="PARTS",
        help="of loss,samples,copies,control,continuations those alone, with commas (default: all)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="goes on where it was cut short")
    _add_sampling(parser.add_argument_group("samples"))
    _add_loss(parser.add_argument_group("loss"))
    _add_copies(parser.add_argument_group("copies"))
    _add_continuations(parser.add_argument_group("continuations"))
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps … (default: a GPU where there is one)")
    parser.set_defaults(run=run_evaluate)


def _add_sampling(parser: Any) -> None:
    parser.add_argument(
        "--num-samples", type=int, metavar="N", help="pieces under the grammar (500), or bars to fill (200)"
    )
    parser.add_argument("--num-free-samples", type=int, metavar="N", help="pieces without the grammar (default 100)")
    at_once = "sampled (default 50) and windows scored (8; of a model that fills, 16) at once"
    add_sampling_flags(parser, longest="512; of a model that fills, its context", at_once=at_once)
    parser.add_argument("--top-p", type=float, help=TOP_P_HELP)
    parser.add_argument(
        "--read-as-abc", action="store_true", default=None, help="have abc2midi and music21 read the pieces as ABC"
    )


def _add_loss(parser: Any) -> None:
    parser.add_argument(
        "--kinds",
        type=Path,
        metavar="FILE",
        help="YAML or JSON: the kind of each source, or a dataset's recipe; adds tables by kind",
    )
    parser.add_argument(
        "--loss-pieces", type=int, metavar="N", help="score N held-out pieces, evenly spaced (default: all)"
    )
    parser.add_argument(
        "--context-length", type=int, metavar="N", help="tokens read at once, to see what context gives (the model's)"
    )
    parser.add_argument(
        "--beside",
        action="append",
        metavar="PATH_OR_ID",
        help="of a model that fills bars: another, scored on the same bars; may be repeated",
    )


def _add_copies(parser: Any) -> None:
    parser.add_argument(
        "--samples", type=Path, metavar="FOLDER", help="look for copies in these pieces; --model says on which grid"
    )
    parser.add_argument(
        "--ignore-before", type=float, metavar="Q", help="quarter notes of prompt in every sample (default 0)"
    )
    parser.add_argument("--cover-notes", type=int, metavar="N", help="fresh notes of a copy that covers (12)")
    parser.add_argument("--alarm-notes", type=int, metavar="N", help="fresh notes of a copy that alarms (16)")
    parser.add_argument(
        "--index", type=Path, metavar="FILE", help="of the training split, made where it is missing (in the output)"
    )


def _add_continuations(parser: Any) -> None:
    parser.add_argument(
        "--continuations", type=int, metavar="N", help="also have N held-out pieces continued, such as 100"
    )
    parser.add_argument(
        "--prompt-bars", type=int, metavar="N", help="bars given of each piece to continue (default 8)"
    )
    parser.add_argument("--continued-bars", type=int, metavar="N", help="bars asked for (default 16)")


def run_evaluate(options: argparse.Namespace) -> None:
    """`symbolic-music evaluate`."""
    try:
        _check_numbers(options)
        if options.samples is not None or options.model is None:
            lines = _judge_pieces(options)
        else:
            settings = _settings(options)
            lines = _judge_model(options, settings, *load_model(options.model, options.device))
    except ValueError as error:  # splits that are not there, pieces that the codec cannot write, other settings
        raise UserError(str(error)) from error
    print(*lines, sep="\n")
    print(f"written to {options.output}: read {options.output / 'report.md'}")


def _judge_model(
    options: argparse.Namespace, settings: "ReportSettings", model: "PreTrainedModel", processor: "MusicProcessor"
) -> list[str]:
    """A report on a composer or a filler; returns it in a few lines."""
    from symbolic_music.report.evaluate import evaluate_filler, evaluate_model
    from symbolic_music.report.files import write_filler_report, write_report
    from symbolic_music.report.parts.masked_bars import fills_bars
    from symbolic_music.report.summary import filler_lines, report_lines
    from symbolic_music.training.preparation import load_splits

    if fills_bars(processor):
        _refuse(options, _OF_COMPOSERS, "says nothing to a model that fills bars")
        settings = _filler_settings(options, settings)
        splits, beside = load_splits(options.dataset), options.beside or []
        filler = evaluate_filler(model, processor, splits, settings, options.output, beside, options.device)
        write_filler_report(filler, options.output, _about())
        return filler_lines(filler.beside, filler.filling)
    if options.beside:
        raise UserError(
            f"--beside is of models that fill bars, and {options.model} composes: evaluate each, then "
            "`symbolic-music compare --reports`"
        )
    report = evaluate_model(model, processor, load_splits(options.dataset), settings, options.output)
    write_report(report, options.output, _about())
    return report_lines(report.figures)


def _judge_pieces(options: argparse.Namespace) -> list[str]:
    """A report on a folder of pieces; returns it in a few lines."""
    from symbolic_music.report.evaluate import evaluate_pieces
    from symbolic_music.report.files import write_report
    from symbolic_music.report.settings import FOLDER_PARTS, choose_parts
    from symbolic_music.report.summary import report_lines
    from symbolic_music.training.preparation import load_processor, load_splits

    if options.samples is None and options.only is None:
        raise UserError("--model is missing: give a folder or a Hub id, or pieces with --samples")
    _refuse(options, _OF_MODELS, "says nothing to pieces that are there")
    settings = replace(_settings(options), parts=choose_parts(options.only, FOLDER_PARTS))
    codec = load_processor(options.model).codec if options.model else None
    report = evaluate_pieces(load_splits(options.dataset), settings, options.output, codec)
    write_report(report, options.output, _about())
    return report_lines(report.figures)


def _settings(options: argparse.Namespace) -> "ReportSettings":
    """What is asked of a model that composes."""
    from symbolic_music.metrics.memorisation.copies import ALARM_NOTES, COVER_NOTES, CopyLimits
    from symbolic_music.report.settings import COMPOSER_PARTS, CopySettings, ReportSettings, choose_parts
    from symbolic_music.training.evaluation.kinds import read_kinds

    limits = CopyLimits(_given(options.cover_notes, COVER_NOTES), _given(options.alarm_notes, ALARM_NOTES))
    parts = choose_parts(options.only, COMPOSER_PARTS)
    return ReportSettings(
        model=options.model or "",
        dataset=options.dataset,
        split=options.split,
        parts=parts,
        num_samples=_given(options.num_samples, 500),
        num_free_samples=_given(options.num_free_samples, 100),
        sampling=sampling_options(options, 512, 50, top_p=options.top_p),
        read_as_abc=bool(options.read_as_abc),
        kinds=read_kinds(options.kinds) if options.kinds else {},
        loss_pieces=options.loss_pieces,
        scored_at_once=_given(options.batch_size, 8),
        context_length=options.context_length,
        continuations=_continuations(options, parts),
        copies=CopySettings(limits, _given(options.ignore_before, 0.0), _text(options.index)),
        samples=_text(options.samples),
    )


def _filler_settings(options: argparse.Namespace, settings: "ReportSettings") -> "ReportSettings":
    """What is asked of a model that fills bars: fewer samples, as long as its context lets them be."""
    from symbolic_music.report.settings import FILLER_PARTS, choose_parts

    return replace(
        settings,
        parts=choose_parts(options.only, FILLER_PARTS),
        num_samples=_given(options.num_samples, 200),
        sampling=replace(settings.sampling, max_length=options.max_tokens),
        scored_at_once=_given(options.batch_size, 16),
    )


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _continuations(options: argparse.Namespace, parts: tuple[str, ...]) -> Any:
    """How many pieces to continue: as many as was said, or 100 where continuations are named as a part."""
    from symbolic_music.training.evaluation.continuations import ContinuationSettings

    if "continuations" not in parts and options.continuations is not None:
        raise UserError("--continuations is given, and --only leaves them out")
    if "continuations" not in parts or (options.only is None and options.continuations is None):
        return None
    number = _given(options.continuations, 100)
    return ContinuationSettings(number, _given(options.prompt_bars, 8), _given(options.continued_bars, 16))


def _check_numbers(options: argparse.Namespace) -> None:
    """Numbers out of range are told before anything takes time."""
    from symbolic_music.training.evaluation.continuations import FEWEST

    for name, fewest in (_FEWEST | {"continuations": FEWEST}).items():
        value = getattr(options, name)
        if value is not None and value < fewest:
            raise UserError(f"--{name.replace('_', '-')} is {value}; expected {fewest} or more")


def _refuse(options: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    """A flag that would change nothing is refused rather than passed over."""
    for name in names:
        if getattr(options, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} {why}: leave it out")


def _about() -> dict[str, Any]:
    from symbolic_music.training.summary import git_commit

    return {"command": shown_command(), "commit": git_commit()}


# --- Side by side ----------------------------------------------------------------------------------------------------


def add_compare(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser(
        "compare",
        help="how far pieces lie from human ones, statistic by statistic; or reports in one table",
        description="Pieces beside human ones; or, with --reports, models side by side.",
    )
    parser.add_argument("sampled", type=Path, nargs="?", help="music file, or a folder of them")
    parser.add_argument("human", type=Path, nargs="?", help="likewise, of held-out human music")
    parser.add_argument(
        "--reports", type=Path, nargs="+", metavar="FOLDER", help="of `symbolic-music evaluate` or of shipped models"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="JSON file for the whole table; Markdown page of reports"
    )
    parser.set_defaults(run=run_compare)


def run_compare(options: argparse.Namespace) -> None:
    """`symbolic-music compare`."""
    if options.reports is not None and options.sampled is None:
        _compare_reports(options)
    elif options.reports is None and options.human is not None:
        _compare_pieces(options)
    else:
        raise UserError("expected two files or folders of pieces, SAMPLED and HUMAN, or --reports FOLDER …")


def _compare_pieces(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from symbolic_music.metrics.statistics import compare_pieces
    from symbolic_music.score.storage import write_atomically

    sampled, human = (read_pieces(path) for path in (options.sampled, options.human))
    with tqdm(total=len(sampled) + len(human), unit="piece", disable=None) as progress:
        try:
            table = compare_pieces(sampled, human, options.seed, on_piece=progress.update)
        except ValueError as error:
            raise UserError(str(error)) from error
    print(
        f"{len(sampled)} pieces beside {len(human)} human ones; distances in standard deviations of the human pieces"
    )
    for name, row in table.items():
        means = ", ".join(f"{_with_interval(row[of], 'mean')} {of}" for of in ("sampled", "human"))
        print(f"{name}: {means}, distance {_with_interval(row['distance'])}, ", end="")
        print(f"overlap {_with_interval(row['overlapping_area'])}")
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.output, (json.dumps(table, indent=2) + "\n").encode())


def _with_interval(row: dict[str, float], key: str = "value") -> str:
    from symbolic_music.metrics.intervals import in_brackets

    return f"{row[key]:.3f} {in_brackets(row)}"


def _compare_reports(options: argparse.Namespace) -> None:
    from symbolic_music.report.comparison import comparison_text, read_adaptations, read_losses, read_reports
    from symbolic_music.report.errors import ReportError

    folders = sorted(folder for folder in options.reports if folder.is_dir())
    if not folders:
        raise UserError("--reports: expected folders with a report.json each, found no folder")
    try:
        reports, adapted = read_reports(folders), read_adaptations(folders)
        text = comparison_text(reports, read_losses(folders), shown_command(), adapted)
    except (ReportError, KeyError, TypeError) as error:
        raise UserError(f"--reports: {error} ({type(error).__name__})") from error
    if options.output is None:
        print(text, end="")
        return
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    print(f"written to {options.output}: {len(reports) + len(adapted)} models")
