import { logLevels } from '@commitcast/worker'
import { type Logger, pino } from 'pino'
import { z } from 'zod'
import { readConfig } from './read-config.ts'

const levels = Object.keys(logLevels) as (keyof typeof logLevels)[]
const variables = { LOG_LEVEL: z.enum(levels, { error: `set it to one of ${levels.join(', ')}` }).default('info') }

/** One JSON line per entry on standard output (pino). `LOG_LEVEL` sets the level; default `info`. */
export function createLogger(name: string): Logger {
  const { LOG_LEVEL: level } = readConfig(variables)
  return pino({
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: withoutClient },
    name,
    level,
  })
}

/** pg adds its whole client, secret key included, to the errors of a broken connection. */
function withoutClient(error: Error) {
  const { client, ...fields } = pino.stdSerializers.err(error) as ReturnType<typeof pino.stdSerializers.err> & {
    client?: unknown
  }
  return fields
}
