export { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, run } from "./program.js";
