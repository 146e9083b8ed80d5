"""What the modules of this folder raise."""


class PublishError(ValueError):
    """A folder that lacks something a published model needs; the message is one line that names it."""
