"""Which library decodes and encodes at which cost: for choosing, there is no bar."""

import os
import subprocess
import sys
from pathlib import Path

from measure import note

HERE = Path(__file__).resolve().parent / "codecs"


def codecs(inputs, size, rounds, target):
    """Compares them on the file that is recompressed; their program is built outside the workspace."""
    packed = inputs.gzipped(size)
    note("building what compares codecs")
    command = ["cargo", "run", "--quiet", "--release", "--", packed.path, str(rounds)]
    variables = os.environ | {"CARGO_TARGET_DIR": str(target / "codecs")}
    ran = subprocess.run(command, cwd=HERE, env=variables, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"bench: the codecs could not be compared; ISA-L needs nasm and autotools to be built: {ran.stderr[-2000:]}")
    print(f"\n{packed.path.name}: {packed.bytes:,} bytes\n{ran.stdout}", end="")
