"""Saving a model with its source files, so that it loads where this package is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

_FAMILIES = __package__


def is_own(model: object) -> bool:
    """Whether a model is of one of our families: not of transformers' own, and not wrapped, such as by peft."""
    return isinstance(model, PreTrainedModel) and type(model).__module__.startswith(f"{_FAMILIES}.")


@contextmanager
def saving_code(model: object) -> Iterator[None]:
    """Within this block, `save_pretrained` copies the source files and writes the `auto_map` that points to them.

    Nothing happens for a model of transformers' own, which needs none, or one that is wrapped, such as by peft.
    """
    if not is_own(model):
        yield
        return
    assert isinstance(model, PreTrainedModel)
    config_class, model_class = type(model.config), type(model)
    config_class.register_for_auto_class()
    model_class.register_for_auto_class("AutoModelForCausalLM")
    try:
        yield
    finally:
        # Left on, every later save in this process would copy code.
        config_class._auto_class = None
        model_class._auto_class = None
