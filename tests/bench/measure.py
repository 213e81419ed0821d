"""What a command costs: of the processor, of the clock and of the memory, in turn with the commands that it is compared with."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

# Forks the command, so that its memory is its own: the kernel counts that of the process that a command was forked from.
TIME = "/usr/bin/time"


@dataclass(frozen=True)
class Cost:
    """One run."""

    cpu: float
    wall: float
    peak_bytes: int
    said: str
    status: int


@dataclass
class Costs:
    """The runs of one command."""

    runs: list = field(default_factory=list)

    @property
    def cpu(self):
        """Seconds, user and system, of the command and all its children."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def wall(self):
        return statistics.median(run.wall for run in self.runs)

    @property
    def peak_bytes(self):
        """Of the one process among them that had most."""
        return statistics.median(run.peak_bytes for run in self.runs)

    @property
    def said(self):
        return self.runs[-1].said


def run(command, expected=0):
    """Runs a command, a list, or a pipeline as bash has it. That it ends otherwise than expected is our end too; `None` expects
    nothing."""
    words = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else [str(word) for word in command]
    with tempfile.NamedTemporaryFile("r") as peak, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        began = time.monotonic()
        process = subprocess.Popen([TIME, "-f", "%M", "-o", peak.name, *words], stdout=said, stderr=told)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if expected is not None and process.returncode != expected:
            told.seek(0)
            sys.exit(f"bench: {command} ended with {process.returncode}: {told.read().decode(errors='replace')[-2000:]}")
        said.seek(0)
        # Before it, of a command that fails, is a line that says so.
        kib = int(peak.read().split()[-1])
        return Cost(usage.ru_utime + usage.ru_stime, wall, kib * 1024, said.read().decode(errors="replace"), process.returncode)


@dataclass(frozen=True)
class Command:
    """Something to be run, and how it ends when all is well."""

    words: object
    expected: int = 0
    # Those that take a minute are run less often than what they are compared with.
    most_rounds: int = 1000
    # A folder that it finds empty each time.
    fills: Path | None = None

    def run(self):
        if self.fills:
            set_aside(self.fills)
            self.fills.mkdir()
        return run(self.words, self.expected)


def set_aside(folder):
    """Empties the files of a folder and gives it another name. Deleted, they would make the next ones dear: for seconds ext4 searches
    past each inode that was just given back before it takes one."""
    if folder.exists():
        for path in folder.rglob("*"):
            if path.is_file():
                os.truncate(path, 0)
        folder.rename(folder.with_name(f"{folder.name}-{time.monotonic_ns()}"))


def interleaved(commands, rounds):
    """Runs commands in turn, A B A B …, so that what else the machine does falls on all of them."""
    costs = {name: Costs() for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            if number < command.most_rounds:
                costs[name].runs.append(command.run())
                note(f"{name}: {costs[name].runs[-1].cpu:.3f} s of CPU, {costs[name].runs[-1].wall:.3f} s")
    return costs


def note(text):
    """How far we are, for whoever waits."""
    print(f"  {text}", file=sys.stderr, flush=True)
