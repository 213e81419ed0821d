"""The files that are measured: the same bytes on every machine, made once and kept."""

import hashlib
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
# What is not repeated. Longer than the window of gzip and of zstd at its fast levels, so that repeating compresses nothing, and
# than what a processor's branch predictor keeps.
BLOCK_BYTES = 8 * MIB
SEED = 8

NAMES = [
    "acetaminophen", "amoxicillin", "atorvastatin", "cetirizine", "ibuprofen", "levothyroxine", "lisinopril", "metformin",
    "omeprazole", "prednisone", "sertraline", "simvastatin",
]
RULE = """rules:
  - ext_file_config_sid: 1
    file_prefix: nobody.
    tgt_schema_name: s
    tgt_table_name: t
"""
RULES = {
    "pipes": "    file_format: txt\n    delimiter: '|'\n    trailer_flag: Y\n    trailer_tag: 'T|'\n"
    "    columns: [ndc, kind, price, starts, ends, name, note]\n",
    "quoted": "    file_format: csv\n    file_type: csv\n    delimiter: ','\n    header_flag: Y\n    trailer_flag: Y\n    trailer_tag: 'T,'\n"
    "    columns: [ndc, price, name, note]\n",
    "gzipped": "    file_format: txt\n    file_type: gz\n    compression: gzip\n    delimiter: '|'\n    trailer_flag: Y\n    trailer_tag: 'T|'\n"
    "    columns: [ndc, kind, price, starts, ends, name, note]\n",
}


@dataclass(frozen=True)
class Input:
    """One file."""

    path: Path
    records: int

    @property
    def bytes(self):
        return self.path.stat().st_size


class Inputs:
    """A folder of them, which another version of this file does not share."""

    def __init__(self, folder):
        version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
        self.folder = Path(folder) / f"inputs-{version}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def rule(self, kind):
        """A document with the rule of a kind of file."""
        path = self.folder / f"{kind}.yaml"
        path.write_text(RULE + RULES[kind])
        return path

    def pipes(self, size):
        """Pipe-delimited, with a trailer that says how many records came before it."""
        return self._make(f"pipes-{size}.txt", size, price, trailer="T|{}\n")

    def quoted(self, size):
        """CSV whose fields hold commas, doubled quotes and newlines, with a header and a trailer."""
        return self._make(f"quoted-{size}.csv", size, product, header="ndc,price,name,note\n", trailer="T,{}\n")

    def typed(self, size, types):
        """Fixed width; the first two characters are the type of the record."""
        marks = [f"{number:02d}" if types <= 100 else base36(number) for number in range(types)]
        return self._make(f"typed-{types}-{size}.txt", size, lambda dice: typed(dice, marks))

    def gzipped(self, size):
        """What `pipes` gives, as a sender packs it: gzip -6."""
        plain = self.pipes(size)
        path = plain.path.with_name(plain.path.name + ".gz")
        if not path.exists():
            draft = path.with_suffix(".draft")
            with draft.open("wb") as packed:
                subprocess.run(["pigz", "-6", "--no-name", "--stdout", plain.path], stdout=packed, check=True)
            draft.rename(path)
        return Input(path, plain.records)

    def _make(self, name, size, record, header="", trailer=""):
        """Records up to `size` bytes: a block of them again and again, and the beginning of another."""
        path, counted = self.folder / name, self.folder / (name + ".records")
        if not counted.exists():
            dice, block = random.Random(SEED), []
            length = 0
            while length < min(size, BLOCK_BYTES):
                block.append(record(dice).encode())
                length += len(block[-1])
            whole = b"".join(block)
            records, rest = 0, size - len(header) - len(trailer) - 12
            with path.open("wb") as file:
                file.write(header.encode())
                for _ in range(rest // length):
                    file.write(whole)
                    records += len(block)
                rest %= length
                for line in block:
                    if len(line) > rest:
                        break
                    rest -= len(line)
                    file.write(line)
                    records += 1
                file.write(trailer.format(records).encode())
            counted.write_text(str(records))
        return Input(path, int(counted.read_text()))


def price(dice):
    """A record of some 80 bytes."""
    return (
        f"{dice.randrange(10**11):011d}|{dice.choice('BCGW')}|{dice.randrange(10**6) / 100:.2f}|20{dice.randrange(10, 26)}-0"
        f"{dice.randrange(1, 10)}-{dice.randrange(10, 29)}|2079-12-31|{dice.choice(NAMES)}|{dice.getrandbits(64):016x}\n"
    )


def product(dice):
    """A record of which one in four holds a newline, and one in four doubled quotes."""
    note = dice.choice(
        ["plain", '"with, comma"', '"two\nlines, one ""quoted"""', f'"a longer note of {dice.getrandbits(64):016x} and ""more"""'],
    )
    return f"{dice.randrange(10**11):011d},{dice.randrange(10**6) / 100:.2f},{dice.choice(NAMES)},{note}\n"


def typed(dice, marks):
    """A record of 100 characters."""
    return f"{dice.choice(marks)}{dice.randrange(10**11):011d}{dice.choice(NAMES):<20}{dice.getrandbits(128):032x}{'':<34}\n"


def base36(number):
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return digits[number // 36] + digits[number % 36]
