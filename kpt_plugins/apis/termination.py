"""Ending of a tool that waits for another."""

from __future__ import annotations

import signal
import sys


def exit_on_sigterm() -> None:
    """Make SIGTERM raise ``SystemExit``, for tools that run others by ``subprocess.run``.

    That ends its child on an exception. Without one, who terminates a tool that waits for a
    training would leave the training running.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
