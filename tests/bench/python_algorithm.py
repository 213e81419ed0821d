"""How a loader in Python, in use for years, takes the trailer off a file: all of it in memory, several times over.

Written anew from its description: read, decode, split into lines, compare the count with the trailer's, join, write.
"""

import sys


def main(source, target):
    with open(source, "rb") as file:
        text = file.read().decode("utf-8")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    trailer = lines.pop()
    declared = int(trailer.split("|")[1])
    if declared != len(lines):
        sys.exit(f"the trailer says {declared} records, the file has {len(lines)}")
    text = "\n".join(lines)
    with open(target, "wb") as file:
        file.write(text.encode("utf-8"))


main(*sys.argv[1:])
