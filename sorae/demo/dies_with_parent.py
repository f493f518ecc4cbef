"""Parent-death signal: runs a command that ends when its parent does, however that ends.

Started by its path, as `-m` would import the whole project first.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

# Linux has it, other systems do without: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
# The parent is the thread that started the process, not the whole of its program.
PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """The command, to be started by this process and to end with it."""
    return [sys.executable, "-P", __file__, str(os.getpid()), *command]


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we were tied to it
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (the demo's own commands)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
