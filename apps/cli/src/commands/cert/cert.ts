import type { Command } from "commander";
import { addConvertCommand } from "./convert.js";
import { addCreateCommand } from "./create.js";
import { addJoinCommand } from "./join.js";
import { addRequestCommand } from "./request.js";
import { addShowCommand } from "./show.js";
import { addTrustListCommand } from "./trust-list.js";
import { addVerifyCommand } from "./verify.js";

export function addCertCommand(program: Command, done: (exitCode: number) => void): void {
  const cert = program
    .command("cert")
    .description("Look at certificates and stores, convert, make and verify them.");
  addShowCommand(cert);
  addConvertCommand(cert);
  addCreateCommand(cert);
  addRequestCommand(cert);
  addJoinCommand(cert);
  addVerifyCommand(cert, done);
  addTrustListCommand(cert);
}
