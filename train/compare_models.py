"""Set models side by side in units that no tokenizer changes: their reports, and their losses on the same pieces.

python train/compare_models.py --reports model_cards/*/ --output model_cards/README.md
"""

import argparse
from pathlib import Path

from symbolic_music._command import shown_command
from symbolic_music.report.comparison import comparison_text, read_adaptations, read_losses, read_reports
from symbolic_music.report.errors import ReportError
from symbolic_music.training.arguments import TrainingError, one_line_errors


def main() -> None:
    """Read, write, say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=Path, nargs="+", required=True, help="folders with a report.json each")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown page to write")
    arguments = parser.parse_args()
    folders = sorted(folder for folder in arguments.reports if folder.is_dir())
    if not folders:
        raise TrainingError("--reports: expected folders with a report.json each, found no folder")
    try:
        reports = read_reports(folders)
        adapted = read_adaptations(folders)
        text = comparison_text(reports, read_losses(folders), shown_command(), adapted)
    except (ReportError, KeyError, TypeError) as error:
        raise TrainingError(f"--reports: {error} ({type(error).__name__})") from error
    arguments.output.write_text(text, encoding="utf-8")
    print(f"written to {arguments.output}: {len(reports) + len(adapted)} models")


if __name__ == "__main__":
    with one_line_errors():
        main()
