"""A local stack for the tests of a module: the shipped program, found where cargo puts it."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.request

from interpreter import call

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120


class Stack:
    """`longshore local up`, until it is closed."""

    def __init__(self):
        program = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "longshore"
        assert program.is_file(), f"{program} is missing; build it with: cargo build --workspace"
        self.folder = tempfile.TemporaryDirectory(prefix="longshore-state-machines-")
        self.program = str(program)
        self.ready_file = os.path.join(self.folder.name, "ready.json")
        self.log = open(os.path.join(self.folder.name, "output.log"), "w+")
        command = [self.program, "local", "up", "--port", "0", "--ready-file", self.ready_file]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.ready = self._wait()

    def _wait(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not os.path.exists(self.ready_file):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise AssertionError(f"the local stack did not start: {self.log.read()[-2000:]}")
            time.sleep(0.05)
        return json.loads(pathlib.Path(self.ready_file).read_text())

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)
        self.log.close()
        self.folder.cleanup()

    def api(self, operation, **fields):
        """A call of the Data API, which must succeed."""
        status, answer = call(self.ready, f"RedshiftData.{operation}", json.dumps(fields))
        assert status == 200, answer
        return json.loads(answer)

    def place(self):
        """What ExecuteStatement is told about where to run."""
        return {"ClusterIdentifier": self.ready["cluster_identifier"], "Database": self.ready["database"]}

    def let_fail(self, *rules):
        """Lets calls of the Data API go wrong as the rules of a fault plan say; without rules, none."""
        plan = {"rules": [{"service": "redshift-data", **rule} for rule in rules]}
        request = urllib.request.Request(
            f"{self.ready['endpoint_url']}/_local/faults", json.dumps(plan).encode(), method="PUT"
        )
        urllib.request.urlopen(request).close()

    def submit(self, sql):
        """Submits a statement and gives its id."""
        return self.api("ExecuteStatement", Sql=sql, **self.place())["Id"]

    def end(self, statement):
        """Waits for the end of a statement and gives its description."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            seen = self.api("DescribeStatement", Id=statement, WaitTimeSeconds=10)
            if seen["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return seen
            assert time.monotonic() < deadline, seen

    def run(self, sql):
        """Runs a statement, which must succeed, and gives its rows."""
        statement = self.submit(sql)
        seen = self.end(statement)
        assert seen["Status"] == "FINISHED", seen
        if not seen["HasResultSet"]:
            return []
        records = self.api("GetStatementResult", Id=statement)["Records"]
        return [[next(iter(field.values())) for field in record] for record in records]

    def statements(self, prefix):
        """The statements whose names begin so, the oldest first."""
        found = self.api("ListStatements", StatementName=prefix, Status="ALL")["Statements"]
        return sorted(found, key=lambda statement: statement["CreatedAt"])
