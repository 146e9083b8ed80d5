"""What a user can mend about a report."""

from symbolic_music.training.arguments import TrainingError


class ReportError(TrainingError):
    """A report cannot be made of what was given; the message says what was expected, in one line."""
