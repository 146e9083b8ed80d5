"""Why a file or a Score is not usable, by name: a closed list of refusals, so that skipped files can be counted.

Knows nothing of formats, limits or datasets; other layers import these names from `score.checks`.
"""

from enum import StrEnum
from pathlib import Path


class Refusal(StrEnum):
    """Every reason not to use a file or a Score."""

    MISSING_FILE = "missing_file"
    UNSUPPORTED_FORMAT = "unsupported_format"
    EMPTY_FILE = "empty_file"
    FILE_TOO_LARGE = "file_too_large"
    NOT_MUSIC = "not_music"
    UNREADABLE = "unreadable"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    LINK = "link"
    ENCRYPTED = "encrypted"
    NESTED_ARCHIVE = "nested_archive"
    CORRUPT_TIMING = "corrupt_timing"
    BAD_METER = "bad_meter"
    NO_NOTES = "no_notes"
    TOO_FEW_NOTES = "too_few_notes"
    TOO_MANY_NOTES = "too_many_notes"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_MANY_VOICES = "too_many_voices"
    PITCH_OUT_OF_RANGE = "pitch_out_of_range"


class ScoreError(ValueError):
    """A file or Score that cannot be used; its text is one line naming the file and what was expected.

    Args:
        refusal: the reason, one of a closed list.
        path: where the music came from; None when it never was a file.
        detail: what was found and what was expected, in words.
    """

    def __init__(self, refusal: Refusal, path: Path | str | None, detail: str):
        # All three go to `args`, so that the error survives pickling between worker processes.
        super().__init__(refusal, path, detail)
        self.refusal = refusal
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        where = "score" if self.path is None else str(self.path)
        return " ".join(f"{where}: {self.refusal}: {self.detail}".split())
