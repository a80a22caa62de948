"""Pools of memory stay few however many threads come and go. In a process of its own: a pool once made stays."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys, threading
from syncd.service.memory import keep_few_arenas

if sys.argv[1] == "few":
    assert keep_few_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
gate = threading.Barrier(8)

def work():
    libc.malloc(ctypes.c_size_t(2000))
    gate.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
libc.fopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, stream)
libc.fclose(stream)
"""


FREED = """
import resource
from pathlib import Path
from syncd.service.memory import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

blocks = [bytearray(50_000) for _ in range(1000)]
full = resident()
del blocks[::2], blocks[:-1]
kept = resident()
assert give_back()
print(full - resident(), full - kept)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a wish that only glibc knows")
def test_freed_memory_goes_back_to_the_machine() -> None:
    run = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True, timeout=60)
    returned, without = map(int, run.stdout.split())
    assert returned > 40_000_000  # of 50 MB
    assert returned > without


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a wish that only glibc knows")
def test_threads_share_two_pools() -> None:
    def pools(how: str) -> int:
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True, timeout=60
        )
        return run.stdout.count("<heap nr=")

    assert pools("few") <= 2 < pools("as it is")
