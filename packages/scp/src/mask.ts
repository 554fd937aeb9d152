import { shellQuote } from "./shell-quote.js";

type MaskToken =
  | { readonly kind: "any" }
  | { readonly kind: "one" }
  | { readonly kind: "literal"; readonly character: string }
  | { readonly kind: "set"; readonly negated: boolean; readonly items: readonly SetItem[] };

/** A character, or a range of them, of a set. */
interface SetItem {
  readonly from: string;
  readonly to: string;
}

/** Whether one component of a path has `*`, `?` or a closed `[...]` in it. */
export function hasMask(component: string): boolean {
  return tokenize([...component]).some((token) => token.kind !== "literal");
}

/**
 * A test for names: `*` is any number of characters, `?` one, `[a-z]` one of a set, `[!a-z]` one outside of it, and nothing
 * else has a meaning. A name that starts with a dot is matched only by a mask that does. A server whose locale has
 * no UTF-8 counts bytes where we count characters: a name that matches either way matches.
 *
 * The time is bounded by the product of the two lengths: names come from servers, masks that backtrack
 * exponentially would let one of them stop the process.
 */
export function maskMatcher(mask: string): (name: string) => boolean {
  const byCharacter = tokenize([...mask]);
  const byByte = tokenize(bytesOf(mask));
  const dotted = mask.startsWith(".");
  return (name) => {
    if (name.startsWith(".") && !dotted) return false;
    return matches(byCharacter, [...name]) || matches(byByte, bytesOf(name));
  };
}

/** Quotes a component for the server's shell, all but the characters that make it a mask. */
export function quoteMask(component: string): string {
  let quoted = "";
  let literal = "";
  const flush = () => {
    if (literal !== "") quoted += shellQuote(literal);
    literal = "";
  };
  for (const token of tokenize([...component])) {
    if (token.kind === "literal") {
      literal += token.character;
      continue;
    }
    flush();
    if (token.kind === "any") quoted += "*";
    else if (token.kind === "one") quoted += "?";
    else quoted += `[${token.negated ? "!" : ""}${token.items.map(quoteItem).join("")}]`;
  }
  flush();
  return quoted;
}

function quoteItem({ from, to }: SetItem): string {
  return from === to ? quoteSetCharacter(from) : `${quoteSetCharacter(from)}-${quoteSetCharacter(to)}`;
}

function quoteSetCharacter(character: string): string {
  if (/[A-Za-z0-9]/.test(character)) return character;
  return character === "'" || character === "\\" ? `\\${character}` : `'${character}'`;
}

function tokenize(characters: readonly string[]): MaskToken[] {
  const tokens: MaskToken[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    const set = character === "[" ? tokenizeSet(characters, at) : undefined;
    if (set !== undefined) {
      tokens.push(set.token);
      at = set.end;
    } else if (character === "*") tokens.push({ kind: "any" });
    else if (character === "?") tokens.push({ kind: "one" });
    else tokens.push({ kind: "literal", character });
  }
  return tokens;
}

/** `[...]` from `start` on: the first character inside may be `]`. Undefined when it is never closed. */
function tokenizeSet(characters: readonly string[], start: number) {
  let at = start + 1;
  const negated = characters[at] === "!" || characters[at] === "^";
  if (negated) at++;
  const items: SetItem[] = [];
  for (const first = at; at < characters.length; at++) {
    const from = characters[at]!;
    if (from === "]" && at > first)
      return { token: { kind: "set", negated, items } satisfies MaskToken, end: at };
    const to = characters[at + 2];
    if (characters[at + 1] === "-" && to !== undefined && to !== "]") {
      items.push({ from, to });
      at += 2;
    } else items.push({ from, to: from });
  }
  return undefined;
}

/** Greedy, with one step back to the last `*`: the well known way without exponential time. */
function matches(tokens: readonly MaskToken[], characters: readonly string[]): boolean {
  let token = 0;
  let lastAny = -1;
  let retryAt = 0;
  for (let at = 0; at < characters.length; ) {
    const current = tokens[token];
    if (current?.kind === "any") {
      lastAny = token++;
      retryAt = at;
    } else if (current !== undefined && matchesOne(current, characters[at]!)) {
      token++;
      at++;
    } else if (lastAny >= 0) {
      token = lastAny + 1;
      at = ++retryAt;
    } else return false;
  }
  while (tokens[token]?.kind === "any") token++;
  return token === tokens.length;
}

function matchesOne(token: MaskToken, character: string): boolean {
  if (token.kind === "literal") return token.character === character;
  if (token.kind !== "set") return true;
  const point = character.codePointAt(0)!;
  const inside = token.items.some(
    ({ from, to }) => from.codePointAt(0)! <= point && point <= to.codePointAt(0)!,
  );
  return inside !== token.negated;
}

function bytesOf(text: string): string[] {
  return [...Buffer.from(text).toString("latin1")];
}
