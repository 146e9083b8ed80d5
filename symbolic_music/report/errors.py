"""What a user can mend about a report."""


class ReportError(ValueError):
    """A report cannot be made of what was given; the message says what was expected, in one line."""
