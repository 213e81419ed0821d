"""Two implementations of JSONata: the reference, in JavaScript, and the port that MiniStack runs on. Neither is ours. Both get
$parse, which Step Functions adds."""

import json
import pathlib
import subprocess

import jsonata

# What Step Functions grants an expression.
TIMEOUT_MILLISECONDS = 1000


class Port:
    """PyPI's jsonata-python."""

    name = "jsonata-python"

    def evaluate(self, expression, bindings, draw=None):
        compiled = jsonata.Jsonata.jsonata(expression, timeout=TIMEOUT_MILLISECONDS)
        compiled.register_lambda("parse", json.loads)
        if draw is not None:
            compiled.register_lambda("random", lambda: draw)
        return compiled.evaluate(None, bindings)

    def close(self):
        pass


class Reference:
    """npm's jsonata. NODE_PATH says where it is; scripts/test-state-machines sets it."""

    name = "jsonata"

    def __init__(self):
        evaluator = pathlib.Path(__file__).parent / "evaluator.cjs"
        self.process = subprocess.Popen(
            ["node", str(evaluator)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def evaluate(self, expression, bindings, draw=None):
        request = {"expression": expression, "bindings": bindings, "draw": draw}
        self.process.stdin.write(json.dumps(request) + "\n")
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer.get("value")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
