"""The bars, and how the measurements stand to them."""

from dataclasses import dataclass, field

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True)
class Part:
    """One figure that has a bar: what it is, what was measured, and the most that it may be."""

    name: str
    measured: float
    most: float
    unit: str = ""

    @property
    def passes(self):
        return self.measured <= self.most

    def __str__(self):
        return f"{self.name} {number(self.measured)}{self.unit} (≤ {number(self.most)}{self.unit})"


@dataclass(frozen=True)
class Line:
    """One line of the table. It passes if all its parts do; without parts it was not built, and says what is missing."""

    work: str
    parts: list = field(default_factory=list)
    missing: str = ""

    @property
    def verdict(self):
        if not self.parts:
            return "NOT BUILT"
        return "pass" if all(part.passes for part in self.parts) else "FALLS SHORT"


def number(value):
    """Four digits that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 0.001 else f"{value:.2g}"


def print_costs(title, costs, size):
    """What each command took, per GiB of the file that it was run on."""
    print(f"\n{title}")
    print(f"  {'':<42} {'CPU s':>8} {'CPU s/GiB':>10} {'wall s':>8} {'MB/s':>8} {'MiB at most':>12} {'runs':>5}")
    for name, cost in costs.items():
        of = size.get(name, 0) if isinstance(size, dict) else size
        per_gib = f"{cost.cpu * GIB / of:.3f}" if of >= MIB else "-"
        speed = f"{of / 1e6 / cost.wall:.0f}" if of >= MIB else "-"
        print(
            f"  {name:<42} {cost.cpu:>8.3f} {per_gib:>10} {cost.wall:>8.3f} {speed:>8} {cost.peak_bytes / MIB:>12.1f}"
            f" {len(cost.runs):>5}"
        )


def print_lines(lines):
    """The table of bars."""
    print()
    for line in lines:
        print(f"{line.verdict:<11} {line.work}")
        for part in line.parts:
            print(f"{'':<11}   {'' if part.passes else '! '}{part}")
        if line.missing:
            print(f"{'':<11}   {line.missing}")
