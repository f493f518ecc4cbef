"""Parent-death signal: runs a command that ends when its parent does, however that ends.

`python -m sorae.demo.dies_with_parent PARENT COMMAND …`
"""

import ctypes
import os
import signal
import sys

# Linux has it, other systems do without: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
# The parent is the thread that started the process, not the whole of its program.
PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we were tied to it
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (the demo's own commands)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
