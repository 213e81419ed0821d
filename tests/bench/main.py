"""Measures Longshore against the tools that everybody has, and prints which bars it clears. `make bench` builds and runs this.

    main.py PROGRAMS INPUTS SIZE ROUNDS [ONLY…]

PROGRAMS is the folder of the executables, INPUTS where generated files are kept. ONLY names groups: see GROUPS.
"""

import datetime
import os
import platform
import re
import sys
from pathlib import Path

from burst import burst
from codecs_compared import codecs
from files import Files
from functions import ready, warm
from inputs import Inputs
from measure import note
from stack import Stack
from table import print_lines

UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
OF_FILES = ["check", "prepare", "gzip", "split", "python"]
OF_FUNCTIONS = {"ready": ready, "warm": warm}
GROUPS = [*OF_FILES, *OF_FUNCTIONS, "burst"]
# Without a bar, and so only when asked for.
ON_REQUEST = ["codecs"]
# Less is not cut by ranges: S3 copies parts of what is longer than 5 MiB.
LEAST_BYTES = 64 * 1024**2


def parse_size(text):
    found = re.fullmatch(r"(\d+)(\w*)", text)
    if not found or found[2] not in UNITS:
        sys.exit(f"bench: SIZE is a number of KiB, MiB or GiB, such as 100MiB, and not {text}")
    size = int(found[1]) * UNITS[found[2]]
    if size < LEAST_BYTES:
        sys.exit(f"bench: SIZE is at least 64MiB, because shorter files are not cut by ranges, and not {text}")
    return size


def parse_only(names):
    for name in names:
        if name not in [*GROUPS, *ON_REQUEST]:
            sys.exit(f"bench: ONLY names some of {', '.join([*GROUPS, *ON_REQUEST])}, and not {name}")
    return names or GROUPS


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} × {cpu}, {memory:.0f} GiB, Linux {platform.release()}, load {load}"


def main(programs, folder, size, rounds, *only):
    size, rounds, only = parse_size(size), int(rounds), parse_only(only)
    inputs = Inputs(folder)
    print(f"{datetime.datetime.now():%Y-%m-%d %H:%M}, {machine()}; medians of {rounds} rounds")
    lines = []
    on_stack = [name for name in only if name in OF_FILES or name in OF_FUNCTIONS]
    if on_stack:
        with Stack(programs, folder) as stack:
            files = Files(inputs, stack, size, rounds)
            for name in on_stack:
                note(name)
                if name in OF_FILES:
                    lines += getattr(files, name)()
                else:
                    lines += OF_FUNCTIONS[name](stack, Path(programs), rounds)
    if "burst" in only:
        lines += burst()
    if "codecs" in only:
        codecs(inputs, size, rounds, Path(programs).parent)
    print_lines(lines)


main(*sys.argv[1:])
