"""Run the scripts of this folder, of `studies/`, and `symbolic-music prepare` and `evaluate`, that a YAML file names.

    python train/run_steps.py --config train/configs/lakh-abc.yaml --output runs/lakh-abc
    python train/run_steps.py --config train/configs/lakh-abc.yaml --output runs/lakh-abc \
        --set prepare_dataset.corpus-archive=lakh=lmd_full.tar.gz

They run one after the other, such as from a corpus to a report. A step that ended is not run again with the same
flags; one that was cut short goes on as its script does. `--dry-run` prints the commands. In a file's values
`{output}` stands for the output folder, and `{configs}` for the folder of the file.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from symbolic_music._yaml import read_mapping
from symbolic_music.training.arguments import TrainingError, one_line_errors

TRAIN = Path(__file__).resolve().parent
FOLDERS = (TRAIN, TRAIN / "studies")
COMMANDS = ("prepare", "evaluate")
"""Of `symbolic-music`, that are steps too."""
DONE_FILE = "steps.json"


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="YAML: flags by script, in order")
    parser.add_argument("--output", type=Path, required=True, help="folder for everything made")
    parser.add_argument(
        "--set",
        metavar="SCRIPT.FLAG=VALUE",
        action="append",
        default=[],
        dest="changes",
        help="another value of a flag; without a value, leave it out",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands and run nothing")
    return parser.parse_args()


def read_steps(path: Path, output: Path, changes: list[str]) -> dict[str, list[str]]:
    """The command line of each step, by its script.

    Args:
        path: the YAML file.
        output: what `{output}` stands for.
        changes: of `--set`.

    Raises:
        TrainingError: for a script that does not exist, flags that are no mapping, or a change of neither.
    """
    steps = read_mapping(path, "flags by script", TrainingError)
    for script, flags in steps.items():
        if find_program(script) is None:
            raise TrainingError(f"{path}: there is no script {script!r} in train/")
        if not isinstance(flags, dict):
            raise TrainingError(f"{path}: {script}: expected flags with their values, found {type(flags).__name__}")
    for text in changes:
        name, is_set, value = text.partition("=")
        script, has_flag, flag = name.partition(".")
        if not is_set or not has_flag or script not in steps:
            raise TrainingError(f"--set {text}: expected SCRIPT.FLAG=VALUE, SCRIPT being one of {', '.join(steps)}")
        steps[script][flag] = value or None
    places = {"output": str(output), "configs": str(path.parent)}
    return {script: _flags(flags, places) for script, flags in steps.items()}


def find_program(name: str) -> list[str] | None:
    """What follows `python` for a step, a script or a command; None when there is neither."""
    if name in COMMANDS:
        return ["-m", "symbolic_music", name]
    return next(([str(path)] for folder in FOLDERS if (path := folder / f"{name}.py").is_file()), None)


def shown_program(program: list[str]) -> list[str]:
    """A step as its user would type it."""
    if program[0] == "-m":
        return ["symbolic-music", *program[2:]]
    return ["python", str(Path(program[0]).relative_to(TRAIN.parent))]


def _flags(flags: dict[str, Any], places: dict[str, str]) -> list[str]:
    words: list[str] = []
    for name, value in flags.items():
        for item in value if isinstance(value, list) else [value]:
            if item is True:
                words.append(f"--{name}")
            elif item is not None and item is not False:
                text = str(item)
                for place, path in places.items():
                    text = text.replace(f"{{{place}}}", path)
                words.append(f"--{name}={text}")
    return words


def main() -> None:
    """Run what is left."""
    arguments = parse_arguments()
    steps = read_steps(arguments.config, arguments.output, arguments.changes)
    record = arguments.output / DONE_FILE
    done = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    for number, (script, flags) in enumerate(steps.items(), start=1):
        program = find_program(script) or []
        shown = shlex.join([*shown_program(program), *flags])
        if arguments.dry_run:
            print(shown)
            continue
        if done.get(script) == flags:
            print(f"[{number}/{len(steps)}] {script}: done before")
            continue
        print(f"[{number}/{len(steps)}] {shown}", flush=True)
        code = subprocess.run([sys.executable, *program, *flags], check=False).returncode
        if code:
            raise TrainingError(f"{script} ended with exit code {code}; the same command goes on there")
        # What follows was made from what has just been made anew.
        done = {name: kept for name, kept in done.items() if name in list(steps)[: number - 1]} | {script: flags}
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with one_line_errors():
        main()
