import { type Logger, pino } from 'pino'

export type { Logger }

/** One JSON line per entry on standard output (pino). `LOG_LEVEL` sets the level; default `info`. */
export function createLogger(name: string, level = process.env.LOG_LEVEL ?? 'info'): Logger {
  return pino({ name, level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime })
}

/** A logger that says nothing; the default of library calls that were given none. */
export const silentLogger: Logger = pino({ level: 'silent' })
