"""Cards from a template: Jinja, in which a value that is not given is an error and never an empty place."""

from pathlib import Path
from typing import Any

import jinja2

from symbolic_music.hub.errors import PublishError


def render_card(template: Path, **values: Any) -> str:
    """The text of a card.

    Args:
        template: a file in Jinja's language; a line that holds a block alone leaves no line behind.
        values: what it may use.

    Raises:
        PublishError: when the file cannot be read, is not Jinja or uses a value that is not given.
    """
    rules = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    try:
        return rules.from_string(template.read_text(encoding="utf-8")).render(values)
    except (OSError, UnicodeDecodeError) as error:
        raise PublishError(f"{template}: expected a template of a card ({error})") from error
    except jinja2.TemplateError as error:
        place = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise PublishError(f"{template}{place}: {error}") from error
