import { createLogger, type Logger, type LogLevel, type LogRecord } from "@waybill/net-core";

/** A logger that writes one line a record to the standard error. */
export function stderrLogger(level: LogLevel): Logger {
  return createLogger(level, (record) => process.stderr.write(`${formatLogLine(record)}\n`));
}

/** `2026-01-31T08:15:00.000Z info login user=ann address=10.0.0.1`; values that hold spaces are quoted. */
export function formatLogLine({ time, level, message, fields }: LogRecord): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${formatValue(value)}`);
  // Names come from clients: a line break in one must not begin a line of its own.
  return `${time.toISOString()} ${level} ${oneLine(message)}${pairs.join("")}`;
}

function formatValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Text on one line and without control characters: names come from others. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}
