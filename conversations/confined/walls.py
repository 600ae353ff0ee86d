"""What Linux lets a process give up for good, without any privilege: files, network, programs.

Landlock (landlock(7)) leaves the interpreter's own files to be read, which codecs are loaded from.
A filter of system calls (seccomp(2)) refuses sockets, programs and new processes. Where the kernel
has neither, the process still has its limits, no keys, and nothing of ours in its environment.
"""

import ctypes
import os
import platform
import struct
import sysconfig
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2

# linux/landlock.h; the numbers of its calls are the same on every machine
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_READ: Final = 1 << 2 | 1 << 3  # files and folders
_RIGHTS_BY_VERSION: Final = ((5, 16), (3, 15), (2, 14), (1, 13))  # ABI, how many rights it has

# linux/audit.h and each machine's unistd.h
_REFUSED_CALLS: Final = {
    "x86_64": (0xC000003E, (41, 42, 49, 56, 57, 58, 59, 101, 322, 425, 435)),
    "aarch64": (0xC00000B7, (198, 203, 200, 220, 221, 117, 281, 425, 435)),
}
"""Architecture, and socket, connect, bind, clone, fork, vfork, execve, ptrace, execveat,
io_uring_setup, clone3."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_OTHER_NUMBERS: Final = 0x40000000  # x32 has the same calls by other numbers
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 1  # EPERM


def raise_walls() -> None:
    """Give up what this kernel lets a process give up."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _leave_files(libc, _needed())
    _leave_calls(libc)


def landlock_version() -> int:
    """Of this kernel; -1 where it has none."""
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _ASK_VERSION))


def _needed() -> set[Path]:
    """Where modules and the libraries that they link are read from."""
    paths = sysconfig.get_paths()
    of_python = {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return {*of_python, Path(__file__).parents[1], Path("/lib"), Path("/lib64"), Path("/usr/lib")}


def _leave_files(libc: ctypes.CDLL, readable: set[Path]) -> None:
    version = landlock_version()
    rights = next((count for since, count in _RIGHTS_BY_VERSION if version >= since), 0)
    if not rights:
        return
    handled = struct.pack("=Q", (1 << rights) - 1)
    ruleset = libc.syscall(_CREATE_RULESET, handled, len(handled), 0)
    for path in readable:
        if path.is_dir():
            _allow_reading(libc, ruleset, path)
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack("=Qi", _READ, descriptor)
    libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    os.close(descriptor)


def _leave_calls(libc: ctypes.CDLL) -> None:
    """A filter in classic BPF: the architecture, then each call that is refused."""
    if platform.machine() not in _REFUSED_CALLS:
        return
    architecture, calls = _REFUSED_CALLS[platform.machine()]
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 0, len(calls) + 3, architecture), (_LOAD, 0, 0, 0)]
    steps.append((_AT_LEAST, len(calls) + 1, 0, _OTHER_NUMBERS))
    for place, call in enumerate(calls):
        steps.append((_EQUAL, len(calls) - place, 0, call))
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    header = struct.pack("@HP", len(steps), ctypes.addressof(program))
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)
