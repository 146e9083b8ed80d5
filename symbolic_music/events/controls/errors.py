"""What is raised where something cannot be had."""


class ControlError(ValueError):
    """What is asked for cannot be had; the message is one line that names it, or the two that clash."""
