"""Set models side by side: one table of their reports, in units that no tokenizer changes.

python train/compare_models.py --reports model_cards/*/ --output model_cards/README.md
"""

import argparse
from pathlib import Path

from symbolic_music._command import shown_command
from symbolic_music.report.comparison import comparison_text, read_reports
from symbolic_music.training.arguments import one_line_errors


def main() -> None:
    """Read, write, say where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=Path, nargs="+", required=True, help="folders with a report.json each")
    parser.add_argument("--output", type=Path, required=True, help="the Markdown page to write")
    arguments = parser.parse_args()
    reports = read_reports(sorted(folder for folder in arguments.reports if folder.is_dir()))
    arguments.output.write_text(comparison_text(reports, shown_command()), encoding="utf-8")
    print(f"written to {arguments.output}: {len(reports)} models")


if __name__ == "__main__":
    with one_line_errors():
        main()
