import { type Logger, pino } from 'pino'
import { z } from 'zod'
import { readConfig } from './config.ts'

export type { Logger }

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const variables = { LOG_LEVEL: z.enum(levels, { error: `set it to one of ${levels.join(', ')}` }).default('info') }

/** One JSON line per entry on standard output (pino). `LOG_LEVEL` sets the level; default `info`. */
export function createLogger(name: string): Logger {
  const { LOG_LEVEL: level } = readConfig(variables)
  return pino({ ...form, name, level })
}

const form = {
  base: { pid: process.pid },
  timestamp: pino.stdTimeFunctions.isoTime,
  serializers: { err: withoutClient },
}

/** pg hangs its whole client, secret key included, on the errors of a broken connection. */
function withoutClient(error: Error) {
  const { client, ...told } = pino.stdSerializers.err(error) as ReturnType<typeof pino.stdSerializers.err> & {
    client?: unknown
  }
  return told
}

/** Warnings and errors, one JSON line each on standard error: the default of all that is given no logger. */
export const warningLogger: Logger = pino(
  { ...form, name: 'commitcast', level: 'warn' },
  pino.destination({ dest: 2, sync: true }),
)

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' })
