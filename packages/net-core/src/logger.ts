/** Fields of a log line. Values of keys that name a secret are masked, see {@link maskSecrets}. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One level of a {@link Logger}: fields and a message, or a message alone (pino's call shape). */
export interface LogMethod {
  (fields: LogFields, message?: string): void;
  (message: string): void;
}

/** Where Waybill writes what it does. A pino logger fits as it is. */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  /** A logger whose lines all carry `fields` too. */
  child(fields: LogFields): Logger;
}

/** The levels, from the most to the least talkative. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The default: says nothing. */
export const silentLogger: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => silentLogger,
};

function ignore(): void {}

/** One line of {@link createLogger}. */
export interface LogRecord {
  readonly time: Date;
  readonly level: Exclude<LogLevel, "silent">;
  readonly message: string;
  readonly fields: LogFields;
}

/**
 * A logger that hands every record of at least `level` to `write`, secrets masked.
 */
export function createLogger(
  level: LogLevel,
  write: (record: LogRecord) => void,
  base: LogFields = {},
): Logger {
  const least = LOG_LEVELS.indexOf(level);
  const at = (name: LogRecord["level"]): LogMethod => {
    if (LOG_LEVELS.indexOf(name) < least) return ignore;
    return (first: LogFields | string, message?: string) => {
      const fields = typeof first === "string" ? base : { ...base, ...first };
      const text = typeof first === "string" ? first : (message ?? "");
      write({ time: new Date(), level: name, message: text, fields: maskSecrets(fields) });
    };
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => createLogger(level, write, { ...base, ...fields }),
  };
}

/** What stands in a log line in place of a secret. */
export const MASK = "[masked]";

const SECRET_NAME = /pass(word|phrase|wd)?$|secret|private.?key|token|credential/i;
const MAX_DEPTH = 6;

/**
 * A copy of `fields` in which every value whose key names a secret (password, passphrase, secret, private key,
 * token, credential) is replaced by {@link MASK}, at any depth up to six. Errors become `{ code, message }`, bytes their
 * length.
 */
export function maskSecrets(fields: LogFields): LogFields {
  return maskObject(fields, 0);
}

function maskObject(value: object, depth: number): LogFields {
  const masked: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    masked[key] = SECRET_NAME.test(key) && entry !== undefined ? MASK : maskValue(entry, depth + 1);
  }
  return masked;
}

function maskValue(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Error) {
    const code = "code" in value ? value.code : undefined;
    return code === undefined ? { message: value.message } : { code, message: value.message };
  }
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return "[nested]";
  if (Array.isArray(value)) return value.map((entry) => maskValue(entry, depth + 1));
  return maskObject(value, depth);
}
