"""Write the page to listen to shipped models by.

python train/listening_page.py --models model_cards/*/ --judgements train/cards/judgements.yaml \
    --output model_cards/LISTEN.md
"""

import argparse
from pathlib import Path

from symbolic_music._command import end_in_one_line, shown_command
from symbolic_music.hub.cards.listening import listening_page, read_judgements
from symbolic_music.hub.errors import PublishError


def main() -> None:
    """Read, write, say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="folders of shipped models")
    parser.add_argument("--judgements", type=Path, help="YAML: a list of model, sample and words")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown page, beside the models' folders")
    arguments = parser.parse_args()
    folders = sorted(folder for folder in arguments.models if folder.is_dir())
    if not folders:
        raise PublishError("--models: expected folders of shipped models, found no folder")
    judgements = read_judgements(arguments.judgements) if arguments.judgements else []
    arguments.output.write_text(listening_page(folders, judgements, shown_command()), encoding="utf-8")
    print(f"written to {arguments.output}: {len(folders)} models")


if __name__ == "__main__":
    with end_in_one_line((OSError, PublishError), "listening_page"):
        main()
