import type { Command } from "commander";
import { addCertificateCommand } from "./certificate.js";
import { addOftpServerCommand } from "./oftp-server.js";
import { addReceiveCommand } from "./receive.js";
import { addSendCommand } from "./send.js";
import { addTrailCommand } from "./trail.js";

/** `waybill oftp-server` and `waybill oftp …`. */
export function addOftpCommands(program: Command, done: (exitCode: number) => void): void {
  addOftpServerCommand(program, done);
  const oftp = program.command("oftp").description("Call partners over ODETTE-FTP.");
  addSendCommand(oftp, done);
  addReceiveCommand(oftp, done);
  addCertificateCommand(oftp, done);
  addTrailCommand(oftp);
}
