"""The tiny models and the tune of the server's tests."""

from serving.conftest import model_folders, tune

__all__ = ["model_folders", "tune"]
