"""Ask a model for each thing alone and for random combinations, and judge what comes by its MIDI files.

python train/studies/measure_obedience.py --model model_cards/remi-transformer-folk --human my_music \
    --output obedience.json
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from symbolic_music._command import shown_command
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.loading import LoadError, load_model
from symbolic_music.report.asked.obedience import Way, measure_obedience
from symbolic_music.score.files import read_folder
from symbolic_music.training.arguments import TrainingError, one_line_errors


def main() -> None:
    """Read, sample, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or Hub id of a composer")
    parser.add_argument("--human", type=Path, required=True, help="folder of music files to set the pieces beside")
    parser.add_argument("--num-samples", type=int, default=500, help="for each thing alone (default 500)")
    parser.add_argument("--combinations", type=int, default=10, help="of several things, a tenth of the pieces each")
    parser.add_argument("--only", metavar="NAMES", help="of things alone, these: keep,rhythm,pitches (default: all)")
    parser.add_argument("--particles", metavar="NUMBERS", help="by so many particles, too: 4,8 (see compose)")
    parser.add_argument("--best-of", metavar="NUMBERS", help="by the likeliest of so many, too: 4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    arguments = parser.parse_args()
    human = [score for _, scores in read_folder(arguments.human)[0] for score in scores if score.note_num()]
    if len(human) < 3:
        raise TrainingError(f"--human: expected at least three pieces, found {len(human)} in {arguments.human}")
    try:
        model, processor = load_model(arguments.model, "cpu")
    except LoadError as error:
        raise TrainingError(f"--model: {error}") from error
    ways = [Way(), *(Way(best_of=count) for count in _counts(arguments, "best_of"))]
    ways += [Way(count) for count in _counts(arguments, "particles")]
    only = None if arguments.only is None else arguments.only.split(",")
    options = SamplingOptions(seed=arguments.seed).for_model(model)
    with tqdm(unit="piece", disable=None) as progress:
        found = measure_obedience(
            model,
            processor,
            human,
            arguments.num_samples,
            arguments.combinations,
            options,
            progress.update,
            only,
            ways,
        )
    arguments.output.write_text(json.dumps({"command": shown_command(), **found}, indent=2) + "\n", encoding="utf-8")
    for row in found["rows"]:
        kept = f"{row['kept']} of {row['pieces']}" if "kept" in row else row.get("refused", "")
        way = "".join(f", {name} {row[name]}" for name in ("best of", "particles") if name in row)
        print(
            f"{row['asked'] + way:28} {kept:12} {row.get('bits per note', '')!s:8} {row.get('distance to human', '')}"
        )


def _counts(arguments: argparse.Namespace, name: str) -> list[int]:
    """Numbers from 2 on that a flag lists."""
    said = [number.strip() for number in (getattr(arguments, name) or "").split(",") if number.strip()]
    if not all(number.isdecimal() and int(number) > 1 for number in said):
        raise TrainingError(
            f"--{name.replace('_', '-')} is {','.join(said)!r}; expected numbers from 2 on, such as 4,8"
        )
    return [int(number) for number in said]


if __name__ == "__main__":
    with one_line_errors():
        main()
