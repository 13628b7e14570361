"""Errors as sentences: what the page says when something goes wrong, never a traceback."""

import logging

from macro_mesa import ConfigError


def sentence(error: BaseException, logger: logging.Logger) -> str:
    """One sentence for an error; what nobody foresaw goes to the log as well, with its traceback."""
    if isinstance(error, ConfigError) or (isinstance(error, ValueError) and type(error) is not ValueError):
        # ConfigError, and the errors that a policy's own package raises, are one sentence each
        return str(error)
    logger.error("a command of the page failed", exc_info=error)
    return f"{type(error).__name__}: {error}"
