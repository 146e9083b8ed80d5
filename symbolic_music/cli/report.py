"""`symbolic-music evaluate`: a report on a model."""

import argparse
from pathlib import Path
from typing import Any

from symbolic_music._command import shown_command
from symbolic_music.cli.shared import UserError, load_model


def add_evaluate(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser(
        "evaluate", help="a report on a model: loss, validity, likeness to human music, copies"
    )
    parser.add_argument("--model", required=True, metavar="PATH_OR_ID", help="model folder or Hub id")
    parser.add_argument("--dataset", required=True, metavar="PATH_OR_ID", help="with the split that trained the model")
    parser.add_argument("--split", default="test", help="held-out pieces to hold the model against (default test)")
    parser.add_argument("--num-samples", type=int, default=500, metavar="N", help="pieces under the grammar (500)")
    parser.add_argument("--num-free-samples", type=int, default=100, metavar="N", help="pieces without it (100)")
    parser.add_argument("--max-tokens", type=int, default=512, metavar="N", help="longest piece (default 512)")
    parser.add_argument("--temperature", type=float, help="(default: the model's)")
    parser.add_argument("--top-p", type=float, help="nucleus sampling; 1 is off (default: the model's)")
    parser.add_argument("--batch-size", type=int, default=50, metavar="N", help="pieces sampled at once (default 50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--read-as-abc", action="store_true", help="have abc2midi and music21 read the pieces as ABC")
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
        "--continuations", type=int, metavar="N", help="also have N held-out pieces continued, such as 100"
    )
    parser.add_argument(
        "--prompt-bars", type=int, default=8, metavar="N", help="bars given of each piece to continue (default 8)"
    )
    parser.add_argument("--continued-bars", type=int, default=16, metavar="N", help="bars asked for (default 16)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps … (default: a GPU where there is one)")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="the report; goes on if cut short"
    )
    parser.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> None:
    """`symbolic-music evaluate`."""
    from symbolic_music.report.evaluate import evaluate_model
    from symbolic_music.report.files import TEXT_FILE, write_report
    from symbolic_music.training.preparation import load_splits
    from symbolic_music.training.summary import git_commit

    settings = _settings(options)
    model, processor = load_model(options.model, options.device)
    try:
        report = evaluate_model(model, processor, load_splits(options.dataset), settings, options.output)
    except ValueError as error:  # splits that are not there, pieces that the codec cannot write, other settings
        raise UserError(str(error)) from error
    write_report(report, options.output, {"command": shown_command(), "commit": git_commit()})
    loss, valid = report.figures["loss"], report.figures["sampling"]["with_grammar"]
    print(f"{loss['bits_per_note']:.3f} bits per note; {valid['valid']} of {valid['pieces']} samples are valid")
    print(f"written to {options.output}: read {options.output / TEXT_FILE}")


def _settings(options: argparse.Namespace):
    from symbolic_music.generation.compose import SamplingOptions
    from symbolic_music.report.evaluate import ReportSettings
    from symbolic_music.training.evaluation.continuations import FEWEST, ContinuationSettings
    from symbolic_music.training.evaluation.kinds import read_kinds

    least = dict.fromkeys(("num_samples", "num_free_samples", "loss_pieces", "prompt_bars", "continued_bars"), 1)
    for name, fewest in (least | {"continuations": FEWEST}).items():
        value = getattr(options, name)
        if value is not None and value < fewest:
            raise UserError(f"--{name.replace('_', '-')} is {value}; expected {fewest} or more")
    try:
        sampling = SamplingOptions(
            max_length=options.max_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            batch_size=options.batch_size,
            seed=options.seed,
        )
        kinds = read_kinds(options.kinds) if options.kinds else {}
        continuations = None
        if options.continuations is not None:
            continuations = ContinuationSettings(options.continuations, options.prompt_bars, options.continued_bars)
    except ValueError as error:
        raise UserError(str(error)) from error
    return ReportSettings(
        model=options.model,
        dataset=options.dataset,
        split=options.split,
        num_samples=options.num_samples,
        num_free_samples=options.num_free_samples,
        sampling=sampling,
        read_as_abc=options.read_as_abc,
        kinds=kinds,
        loss_pieces=options.loss_pieces,
        continuations=continuations,
    )
