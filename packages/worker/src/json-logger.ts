import type { Logger } from './logger.ts'

/** The levels of a log, and the number that a line of each carries. `silent` writes nothing. */
export const logLevels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: Infinity } as const
export type LogLevel = keyof typeof logLevels

export interface JsonLoggerOptions {
  /** The field `name` of each line. */
  readonly name: string
  /** Lines below this level are not written. */
  readonly level: LogLevel
  /** Receives each line, with its line break. */
  readonly write: (line: string) => void
}

/** A logger without dependencies: one JSON object per line, with the fields that pino writes. Never throws. */
export function createJsonLogger({ name, level, write }: JsonLoggerOptions): Logger {
  const log = (of: 'debug' | 'info' | 'warn' | 'error') => {
    const number = logLevels[of]
    if (number < logLevels[level]) return () => {}
    return (fields: object, msg: string) => {
      const line = { level: number, time: new Date().toISOString(), pid: process.pid, name, ...fields, msg }
      write(`${toJson(line) ?? toJson(withoutObjects(line))}\n`)
    }
  }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

/** `undefined` for what JSON can't hold: an object that refers to itself, or whose `toJSON` throws. */
function toJson(line: object): string | undefined {
  const seen = new Set<Error>()
  try {
    return JSON.stringify(line, (_, value) => {
      if (typeof value === 'bigint') return String(value)
      if (!(value instanceof Error)) return value
      // An error may be among its own causes.
      if (seen.has(value)) return value.message
      seen.add(value)
      return errorFields(value)
    })
  } catch {
    return undefined
  }
}

function errorFields(error: Error): object {
  // pg adds its whole client, secret key included, to the errors of a broken connection.
  const { client, ...own } = error as Error & { readonly client?: unknown }
  const { name: type, message, stack, cause } = error
  const causes = cause === undefined ? {} : { cause }
  return { ...own, type, message, stack, ...causes, ...(error instanceof AggregateError && { errors: error.errors }) }
}

function withoutObjects(line: object): object {
  const fields = Object.entries(line).map(([name, value]) => {
    if (value instanceof Error) return [name, { type: value.name, message: value.message, stack: value.stack }]
    return [name, typeof value === 'object' ? '[object]' : value]
  })
  return Object.fromEntries(fields)
}
