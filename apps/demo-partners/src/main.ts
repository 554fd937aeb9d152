import { runDemo } from "./demo.js";

const good = await runDemo((line) => process.stdout.write(`${line}\n`));
process.exitCode = good ? 0 : 1;
