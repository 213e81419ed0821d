// Says what asl-validator has against the definition on stdin, as JSON.
const validate = require("asl-validator");
const definition = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const { isValid, errors } = validate(definition, { checkPaths: true, checkArn: true });
console.log(JSON.stringify(isValid ? [] : errors));
