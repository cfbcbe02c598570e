// Usage: node validate.mjs < QUESTIONS
// Reads {schemas: {name: schema}, questions: [{schema, value}]}; prints a list of verdicts.
// Every schema has to compile in strict mode, with nothing in it that Ajv does not know.
import { readFileSync } from "node:fs";
import addFormats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020.js";

const { schemas, questions } = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv2020.default({
  strict: true,
  allowUnionTypes: true, // "text or null" is how an optional field is declared
  strictTypes: false, // `enum` and `not` stand without `type`, which they imply
  strictRequired: false, // `if` names fields of `properties` beside it
});
addFormats.default(ajv);
const validate = Object.fromEntries(
  Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]),
);
const verdicts = questions.map(({ schema, value }) => validate[schema](value));
process.stdout.write(JSON.stringify(verdicts));
