import { optionError } from "@waybill/net-core";

// Servers without a shell (appliances) take a command word by word: what needs no quotes gets none.
const PLAIN_WORD = /^[A-Za-z0-9_./,:@%+-]+$/;
// Up to the slash: a quoted one would make the tilde an ordinary character.
const HOME_PREFIX = /^~[A-Za-z0-9._-]*(\/|$)/;

/**
 * Quotes one word for the server's shell. Backslashes and single quotes stand outside of the quotes, so that shells
 * which give them a meaning inside (fish) read the same word as a POSIX shell.
 */
export function shellQuote(word: string): string {
  if (PLAIN_WORD.test(word)) return word;
  const quoted = `'${word.replace(/['\\]/g, (character) => `'\\${character}'`)}'`;
  return quoted.replace(/^''(?=.)/, "");
}

/**
 * Quotes a path for the server's shell. A leading `~` or `~user` keeps its meaning (write `./~` for a file of that name),
 * a leading `-` loses its own, an empty path is the home folder. Errors: `ERR_OPTION_INVALID` for a path with NUL in it.
 */
export function quoteRemotePath(path: string): string {
  if (path.includes("\0")) throw optionError("remotePath", "must not have NUL in it");
  if (path === "") return ".";
  const [home = ""] = HOME_PREFIX.exec(path) ?? [];
  const rest = path.slice(home.length);
  if (home !== "") return rest === "" ? home : `${home}${shellQuote(rest)}`;
  return shellQuote(path.startsWith("-") ? `./${path}` : path);
}
