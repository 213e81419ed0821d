"""The bar of many files at once. The measuring is a test of the app; here it is run with many files, and read."""

import os
import re
import subprocess
import sys
from pathlib import Path

from measure import note
from table import Line, Part

ROOT = Path(__file__).resolve().parents[2]
FILES = 20_000


def burst():
    """Announces every file twice, in any order: in one burst and in twenty."""
    note(f"building, then {FILES} files")
    test = ["cargo", "test", "--quiet", "--release", "--package", "longshore-app", "--test", "app", "burst", "--", "--nocapture"]
    ran = subprocess.run(
        test, cwd=ROOT, env=os.environ | {"LONGSHORE_BENCH_FILES": str(FILES)}, capture_output=True, text=True, check=False
    )
    told = re.search(r"burst: (\d+) files, ([\d.]+) s in 20 bursts, ([\d.]+) s in one", ran.stdout)
    if ran.returncode != 0 or told is None:
        sys.exit(f"bench: the burst failed: {(ran.stdout + ran.stderr)[-2000:]}")
    print(f"\n{told[0]}")
    return [
        Line(
            f"{FILES:,} events in one burst, each delivered twice and shuffled: {FILES:,} loads exactly",
            [Part("time", float(told[3]) / float(told[2]), 1.2, " × 20 bursts of 1,000")],
        )
    ]
