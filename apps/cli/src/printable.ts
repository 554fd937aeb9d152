/** Control characters, and those that steer how others are shown: names in certificates are chosen by others. */
const UNPRINTABLE = /[\p{C}\u2028\u2029]/gu;

/** Text for a terminal: one line, and nothing in it that changes the screen or the direction of writing. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "?");
}

/** A value as JSON for machines, with every such character escaped. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  const escaped = text.replace(UNPRINTABLE, (characters) =>
    characters === "\n" ? "\n" : escapes(characters),
  );
  return `${escaped}\n`;
}

function escapes(characters: string): string {
  return Array.from({ length: characters.length }, (_, index) => {
    return `\\u${characters.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }).join("");
}
