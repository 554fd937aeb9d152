#!/usr/bin/env node
import { run } from "./program.js";

// Somebody has stopped reading, or a disk is full: no reason to break off a transfer.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
process.exitCode = await run(process.argv.slice(2));
