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
from symbolic_music.report.asked.obedience import measure_obedience
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
    only = None if arguments.only is None else arguments.only.split(",")
    options = SamplingOptions(seed=arguments.seed).for_model(model)
    with tqdm(unit="piece", disable=None) as progress:
        found = measure_obedience(
            model, processor, human, arguments.num_samples, arguments.combinations, options, progress.update, only
        )
    arguments.output.write_text(json.dumps({"command": shown_command(), **found}, indent=2) + "\n", encoding="utf-8")
    for row in found["rows"]:
        kept = f"{row['kept']} of {row['pieces']}" if "kept" in row else row.get("refused", "")
        print(f"{row['asked']:16} {kept:12} {row.get('bits per note', '')!s:8} {row.get('distance to human', '')}")


if __name__ == "__main__":
    with one_line_errors():
        main()
