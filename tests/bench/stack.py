"""A local stack of the programs that were built, and what is landed on it."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE_SECONDS = 120
# Not where the functions of the stack look for files.
PREFIX = "bench/"


class Stack:
    """`longshore local up`, from `with` to its end."""

    def __init__(self, programs, folder):
        self.longshore = Path(programs) / "longshore"
        # PostgreSQL does not run as root, so others must get in.
        self._scratch = tempfile.TemporaryDirectory(prefix="longshore-bench-", dir=folder)
        self.folder = Path(self._scratch.name)
        self.folder.chmod(0o755)
        self.ready_file = self.folder / "ready.json"

    def __enter__(self):
        log = (self.folder / "up.log").open("wb")
        up = [self.longshore, "local", "up", "--samples", "--port", "0", "--data-dir", self.folder / "data"]
        self.process = subprocess.Popen([*up, "--ready-file", self.ready_file], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: the local stack did not start: {(self.folder / 'up.log').read_text()[-2000:]}")
            time.sleep(0.1)
        self.ready = json.loads(self.ready_file.read_text())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self._scratch.cleanup()

    def command(self, *words):
        """The operator's command line on this stack, answering in JSON."""
        return [self.longshore, "--local", self.ready_file, "--json", *words]

    def land(self, path, key=None):
        """Puts a file into the bucket, once, and gives its URL."""
        key = PREFIX + (key or path.name)
        subprocess.run(
            [*self._curl(key), "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--fail", "--upload-file", path],
            check=True, stdout=subprocess.DEVNULL,
        )
        return f"s3://{self.ready['bucket']}/{key}"

    def fetch(self, url, path="/dev/null"):
        """curl of an object, to nowhere."""
        return [*self._curl(key_of(url)), "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--fail", "--output", path]

    def python(self, script, source, target):
        """A program in Python, with boto3, that makes one object of another."""
        ready = self.ready
        keys = {"AWS_ACCESS_KEY_ID": ready["access_key_id"], "AWS_SECRET_ACCESS_KEY": ready["secret_access_key"]}
        environment = {**keys, "AWS_DEFAULT_REGION": ready["region"]}
        return [
            "env", *(f"{name}={value}" for name, value in environment.items()), sys.executable, script,
            ready["endpoint_url"], ready["bucket"], key_of(source), key_of(target),
        ]

    def url(self, key):
        return f"s3://{self.ready['bucket']}/{PREFIX}{key}"

    def _curl(self, key):
        ready = self.ready
        return [
            "curl", "--silent", "--show-error", "--aws-sigv4", f"aws:amz:{ready['region']}:s3",
            "--user", f"{ready['access_key_id']}:{ready['secret_access_key']}",
            f"{ready['endpoint_url']}/{ready['bucket']}/{key}",
        ]


def key_of(url):
    return url.split("/", 3)[3]
