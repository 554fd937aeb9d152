import type { Command } from "commander";
import { addOpenCommand } from "./open.js";
import { addSealCommand } from "./seal.js";
import { addShowCommand } from "./show.js";

export function addCmsCommand(program: Command): void {
  const cms = program
    .command("cms")
    .description("Sign, compress and encrypt files (CMS, as ODETTE-FTP 2 does), and the way back.");
  addSealCommand(cms);
  addOpenCommand(cms);
  addShowCommand(cms);
}
