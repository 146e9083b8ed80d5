"""Checks of a process that a test starts: each returns something for JSON, or the error it ended with."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path


def run_checks(checks: list[Callable[[], object]], report: str) -> None:
    """Run them in order and write {name: what it returned}, errors as their traceback."""
    results = {}
    for check in checks:
        try:
            results[check.__name__] = check()
        except Exception:  # of whatever kind: the test that wants this result shows it
            results[check.__name__] = traceback.format_exc()
    Path(report).write_text(json.dumps(results))
