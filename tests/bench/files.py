"""The bars of what is done to files: checking, cutting, recompressing, splitting."""

import json
import shutil
from pathlib import Path

from measure import Command, interleaved, run
from table import MIB, Line, Part, print_costs

PARTS = 16
# What COPY of one slice takes at a time, and what `split -C` cuts to.
PIECE = "64m"
HERE = Path(__file__).resolve().parent


def shell(words):
    """Words for bash."""
    return "'" + str(words) + "'"


class Files:
    """The inputs, the programs and where there is room."""

    def __init__(self, inputs, stack, size, rounds):
        self.inputs, self.stack, self.size, self.rounds = inputs, stack, size, rounds
        self.out = stack.folder / "out"
        self.out.mkdir()

    def measured(self, title, commands, size=None):
        costs = interleaved(commands, self.rounds)
        print_costs(title, costs, self.size if size is None else size)
        return costs

    def check(self):
        """`file check` against `wc -l`, of lines and of CSV, and its memory."""
        lines = []
        # The same program on next to nothing: what it takes to start.
        start = {kind: self._check(kind, MIB // 1024) for kind in ("pipes", "quoted")}
        peaks = {}
        for kind, work, most in (
            ("pipes", "file check, with a trailer, no quotes, against wc -l", 1.0),
            ("quoted", "file check of CSV with quoted newlines, exact, against wc -l", 1.4),
        ):
            file = getattr(self.inputs, kind)(self.size)
            small = getattr(self.inputs, kind)(MIB)
            checked = json.loads(run(self._check(kind, self.size)).said)
            if checked["records"] != file.records:
                raise SystemExit(f"bench: {file.path} has {file.records} records, and file check says {checked['records']}")
            run(["cat", file.path])
            costs = self.measured(
                f"{file.path.name}: {file.bytes:,} bytes, {file.records:,} records",
                {
                    "longshore file check": Command(self._check(kind, self.size)),
                    "wc -l": Command(["wc", "-l", file.path]),
                    "longshore file check, 1 MiB": Command(self._check(kind, MIB)),
                    "longshore file check, 1 KiB": Command(start[kind]),
                },
                {"longshore file check": file.bytes, "wc -l": file.bytes, "longshore file check, 1 MiB": small.bytes},
            )
            lines.append(Line(work, [Part("CPU", costs["longshore file check"].cpu / costs["wc -l"].cpu, most, " × wc -l")]))
            peaks[kind] = {name: cost.peak_bytes / MIB for name, cost in costs.items()}
        memory = []
        for kind, peak in peaks.items():
            grown = peak["longshore file check"] - peak["longshore file check, 1 MiB"]
            beyond = max(peak["longshore file check"], peak["longshore file check, 1 MiB"]) - peak["longshore file check, 1 KiB"]
            memory += [Part(f"{kind}: beyond start-up", beyond, 16, " MiB"), Part(f"{kind}: growth from 1 MiB", grown, 1, " MiB")]
        return [*lines, Line("memory of both, small and large", memory)]

    def prepare(self):
        """`file prepare` by ranges, against fetching the object."""
        file, tenth = self.inputs.pipes(self.size), self.inputs.pipes(self.size // 10)
        url, tenth_url = self.stack.land(file.path), self.stack.land(tenth.path)
        plain = ["--parts", PARTS]
        costs = self.measured(
            f"{PARTS} parts of {file.path.name}, over loopback",
            {
                "longshore file prepare": Command(self._prepare(url, "pipes", *plain)),
                "curl": Command(self.stack.fetch(url)),
                "longshore file prepare --verify-count": Command(self._prepare(url, "pipes", "--verify-count", *plain)),
                "longshore file prepare, a tenth": Command(self._prepare(tenth_url, "pipes", *plain)),
                "longshore file prepare, nothing there": Command(
                    self._prepare(self.stack.url("nothing.txt"), "pipes", *plain), expected=1
                ),
                "head -n -1 | split -C": Command(
                    f"head -n -1 {shell(file.path)} | split -C {PIECE} - {shell(self.out / 'piece-')}", most_rounds=2
                ),
            },
            {
                **dict.fromkeys(
                    ["longshore file prepare", "curl", "longshore file prepare --verify-count", "head -n -1 | split -C"], file.bytes
                ),
                "longshore file prepare, a tenth": tenth.bytes,
            },
        )
        self._empty()
        ours, curl = costs["longshore file prepare"], costs["curl"]
        stats = json.loads(ours.said)["stats"]
        verified = costs["longshore file prepare --verify-count"]
        counted = json.loads(verified.said)
        if counted["records"] != file.records:
            raise SystemExit(f"bench: {file.path} has {file.records} records, and file prepare says {counted['records']}")
        start = costs["longshore file prepare, nothing there"].cpu
        return [
            Line(
                f"file prepare --parts {PARTS} without count, over loopback, against curl of the object",
                [
                    Part("CPU beyond start-up", (ours.cpu - start) / curl.cpu, 0.1, " × curl"),
                    Part("bytes up", stats["bytes_written"], 0),
                    Part("bytes down", stats["bytes_read"], 64 * 1024 * (PARTS + 1)),
                    Part("requests", stats["requests"], 4 * PARTS + 1),
                    Part("CPU", ours.cpu / costs["longshore file prepare, a tenth"].cpu, 1.1, " × a tenth of the file"),
                ],
            ),
            Line(
                f"file prepare --verify-count --parts {PARTS} against curl",
                [
                    Part("CPU", verified.cpu / curl.cpu, 1.5, " × curl"),
                    Part("wall", verified.wall / curl.wall, 1.1, " × curl"),
                    # The file once, and the places where it is cut.
                    Part("bytes down", counted["stats"]["bytes_read"] / file.bytes, 1.005, " × the file"),
                    Part("bytes up", counted["stats"]["bytes_written"], 0),
                ],
            ),
        ]

    def gzip(self):
        """A gzip file to parts of gzip and of zstd."""
        file, packed = self.inputs.pipes(self.size), self.inputs.gzipped(self.size)
        url, path = self.stack.land(packed.path), shell(packed.path)
        prepare = ["--parts", PARTS, "--verify-count"]
        smaller = self.out / "smaller.gz"
        costs = self.measured(
            f"{packed.path.name}: {packed.bytes:,} bytes, {file.bytes:,} decoded",
            {
                "longshore file prepare --gzip": Command(self._prepare(url, "gzipped", "--gzip", *prepare)),
                "igzip -dc | head -n -1 | split | igzip -1": Command(
                    f"igzip -dc {path} | head -n -1 | split -C {PIECE} --filter='igzip -1 > \"$FILE\".gz' - {shell(self.out / 'piece-')}"
                ),
                "longshore file prepare --zstd": Command(self._prepare(url, "gzipped", "--zstd", *prepare)),
                "gzip -dc": Command(["gzip", "-dc", packed.path], most_rounds=2),
                "pigz -dc": Command(["pigz", "-dc", packed.path], most_rounds=2),
                "gzip -dc | head -n -1 | gzip -6": Command(
                    f"gzip -dc {path} | head -n -1 | gzip -6 > {shell(smaller)}", most_rounds=1
                ),
            },
        )
        small = smaller.stat().st_size
        self._empty()
        return [self._recompressed(kind, costs, small) for kind in ("gzip", "zstd")]

    def _recompressed(self, kind, costs, small):
        ours = costs[f"longshore file prepare --{kind}"]
        size = sum(part["size_bytes"] for part in json.loads(ours.said)["parts"])
        return Line(
            f"gzip (decoded) to {PARTS} parts of {kind}",
            [
                Part("CPU", ours.cpu / costs["igzip -dc | head -n -1 | split | igzip -1"].cpu, 1.3, " × igzip -dc | … | igzip -1"),
                Part("CPU", ours.cpu / costs["gzip -dc | head -n -1 | gzip -6"].cpu, 1 / 6, " × gzip -dc | gzip -6"),
                Part("size", size / small, 1.15, " × that of gzip -6"),
            ],
        )

    def split(self):
        """`file split` by record type, few and many."""
        work = "file split by record type, against cp and mawk"
        if run([self.stack.longshore, "file", "split", "--help"], expected=None).status:
            return [Line(work, missing="longshore file split is not built")]
        few, many = self.inputs.typed(self.size, 4), self.inputs.typed(self.size, 500)
        out = {name: self.out / name for name in ("few", "many", "mawk")}
        run(["cat", few.path, many.path])
        costs = self.measured(
            f"{few.path.name}: {few.bytes:,} bytes, {few.records:,} records of 4 types, and the same of 500",
            {
                "longshore file split, 4 types": Command(self._split(few.path, out["few"]), fills=out["few"]),
                "cp": Command(["cp", few.path, self.out / "copy"]),
                "longshore file split, 500 types": Command(self._split(many.path, out["many"]), fills=out["many"]),
                "mawk '{print > substr($0,1,2)}'": Command(
                    f"cd {shell(out['mawk'])} && mawk '{{print > substr($0,1,2)}}' {shell(few.path)}",
                    most_rounds=2,
                    fills=out["mawk"],
                ),
            },
        )
        written = sum(path.stat().st_size for path in out["few"].rglob("*") if path.is_file())
        if written != few.bytes:
            raise SystemExit(f"bench: file split wrote {written} bytes of {few.bytes}")
        self._empty()
        ours = costs["longshore file split, 4 types"].cpu
        return [
            Line(
                work,
                [
                    Part("CPU", ours / costs["cp"].cpu, 1.2, " × cp"),
                    Part("CPU", ours / costs["mawk '{print > substr($0,1,2)}'"].cpu, 0.35, " × mawk"),
                    Part("CPU, 500 types", costs["longshore file split, 500 types"].cpu / ours, 1.5, " × 4 types"),
                ],
            )
        ]

    def python(self):
        """The trailer taken off and its count verified, from the bucket and back into it, against a loader in Python."""
        file = self.inputs.pipes(self.size)
        url, theirs_url = self.stack.land(file.path), self.stack.url("stripped-by-python.txt")
        costs = self.measured(
            f"the trailer of {file.path.name} taken off and its count verified, over loopback",
            {
                "longshore file prepare --verify-count": Command(self._prepare(url, "pipes", "--verify-count")),
                "the Python algorithm": Command(self.stack.python(HERE / "python_algorithm.py", url, theirs_url), most_rounds=2),
            },
        )
        ours, theirs = costs.values()
        (part,) = json.loads(ours.said)["parts"]
        run(["cmp", self._fetched(part["url"]), self._fetched(theirs_url)])
        self._empty()
        return [
            Line(
                "against the Python algorithm, strip and verify, from S3 and back",
                [
                    Part("CPU", ours.cpu / theirs.cpu, 1 / 50, " × Python"),
                    Part("memory", ours.peak_bytes / theirs.peak_bytes, 1 / 100, " × Python"),
                ],
            )
        ]

    def _fetched(self, url):
        path = self.out / url.rsplit("/", 1)[1]
        run(self.stack.fetch(url, path))
        return path

    def _check(self, kind, size):
        file = getattr(self.inputs, kind)(size)
        return [self.stack.longshore, "--json", "file", "check", file.path, "--rule-file", self.inputs.rule(kind), "--stats"]

    def _prepare(self, url, kind, *more):
        return self.stack.command("file", "prepare", url, "--rule-file", self.inputs.rule(kind), "--stats", *more)

    def _split(self, path, folder):
        return [self.stack.longshore, "--json", "file", "split", path, "--by", "1:2", "--out", folder]

    def _empty(self):
        shutil.rmtree(self.out)
        self.out.mkdir()
