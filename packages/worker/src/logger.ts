/**
 * Where log lines go: what each line is about as fields, and a short message. Loggers of pino and `console` are such
 * loggers. `warn` and `error` carry a stable `code`, or an error (`err`) that has one.
 */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A logger that writes nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
