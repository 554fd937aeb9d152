/** A command could not do its work, and the message says why in one line. Ends the process with exit code 1. */
export class CommandFailure extends Error {
  /** @override */
  name = "CommandFailure";
}
