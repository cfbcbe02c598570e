// Usage: node parse_asyncapi.mjs < DOCUMENT
// Prints {accepted, diagnostics, channels, messages, operations}.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
process.stdout.write(
  JSON.stringify({
    accepted: document !== undefined,
    diagnostics: diagnostics.map(({ code, severity, message, path }) => ({
      code,
      severity,
      message,
      path: path.join("."),
    })),
    channels: document?.channels().all().map((channel) => channel.id()) ?? [],
    messages: document?.allMessages().all().map((message) => message.name()) ?? [],
    operations: document?.operations().all().map((operation) => operation.id()) ?? [],
  }),
);
