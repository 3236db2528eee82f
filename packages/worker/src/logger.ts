import { type Logger, pino } from 'pino'
import { z } from 'zod'
import { readConfig } from './config.ts'

export type { Logger }

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const variables = { LOG_LEVEL: z.enum(levels, { error: `set it to one of ${levels.join(', ')}` }).default('info') }

/** One JSON line per entry on standard output (pino). `LOG_LEVEL` sets the level; default `info`. */
export function createLogger(name: string): Logger {
  const { LOG_LEVEL: level } = readConfig(variables)
  return pino({
    name,
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: withoutClient },
  })
}

/** pg hangs its whole client, secret key included, on the errors of a broken connection. */
function withoutClient(error: Error) {
  const { client, ...told } = pino.stdSerializers.err(error) as ReturnType<typeof pino.stdSerializers.err> & {
    client?: unknown
  }
  return told
}

/** A logger that says nothing; the default of library calls that were given none. */
export const silentLogger: Logger = pino({ level: 'silent' })
