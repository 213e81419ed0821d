"""Reads the statements that the loader renders, a JSON list of names and texts on stdin, with sqlfluff's Redshift dialect."""

import json
import re
import sys

from sqlfluff.core import FluffConfig, Linter

MANUAL = "https://docs.aws.amazon.com/redshift/latest/dg/"

# What the manual has and the dialect has not: a name, the manual's page, what it looks like, and how the same reads without it.
EXCEPTIONS = [
    ("ENCODING ISO88591", "copy-parameters-data-conversion.html#copy-encoding", r"ENCODING ISO88591", "ENCODING UTF8"),
    ("IGNOREALLERRORS", "copy-parameters-data-load.html#copy-ignoreallerrors", r"\nIGNOREALLERRORS", ""),
]


def without_exceptions(sql):
    used = set()
    for name, page, pattern, replacement in EXCEPTIONS:
        sql, count = re.subn(pattern, replacement, sql)
        if count:
            used.add(f"{name} ({MANUAL}{page})")
    return sql, used


def main():
    linter = Linter(config=FluffConfig(overrides={"dialect": "redshift", "large_file_skip_byte_limit": 0}))
    statements = {item["sql"]: item["name"] for item in json.load(sys.stdin)}
    faults, used = 0, set()
    for sql, name in statements.items():
        readable, exceptions = without_exceptions(sql)
        used |= exceptions
        parsed = linter.parse_string(readable)
        for violation in parsed.violations:
            faults += 1
            print(f"WRONG  {name}: {violation.desc()}\n{sql}\n")
    for exception in sorted(used):
        print(f"the dialect has not {exception}")
    unused = [name for name, page, *_ in EXCEPTIONS if f"{name} ({MANUAL}{page})" not in used]
    for name in unused:
        faults += 1
        print(f"WRONG  {name} is listed as an exception, and no statement has it")
    print(f"{len(statements)} statements read, {faults} faults")
    sys.exit(1 if faults or not statements else 0)


if __name__ == "__main__":
    main()
