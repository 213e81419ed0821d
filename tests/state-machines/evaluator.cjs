// Evaluates JSONata with the reference implementation: a request a line on stdin, an answer a line on stdout.
const jsonata = require("jsonata");
const lines = require("node:readline").createInterface({ input: process.stdin });

async function evaluate({ expression, bindings, draw }) {
  const compiled = jsonata(expression);
  compiled.registerFunction("parse", JSON.parse);
  if (draw !== null) {
    compiled.registerFunction("random", () => draw);
  }
  return { value: await compiled.evaluate(undefined, bindings) };
}

(async () => {
  for await (const line of lines) {
    const answer = await evaluate(JSON.parse(line)).catch((error) => ({ error: `${error.code}: ${error.message}` }));
    console.log(JSON.stringify(answer));
  }
})();
