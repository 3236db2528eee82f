import { createJsonLogger, type Logger, type LogLevel, logLevels } from '@commitcast/worker'
import { InvalidConfig } from '../process/invalid-config.ts'

/**
 * One JSON line per entry on standard output, from `LOG_LEVEL` on; default `info`. The command line works without the
 * optional packages of `commitcast/process`.
 */
export function commandLogger(name: string): Logger {
  const level = process.env.LOG_LEVEL || 'info'
  if (!isLevel(level)) {
    throw new InvalidConfig(
      `LOG_LEVEL is ${JSON.stringify(level)}: set it to one of ${Object.keys(logLevels).join(', ')}`,
    )
  }
  return createJsonLogger({ name, level, write: (line) => void process.stdout.write(line) })
}

function isLevel(text: string): text is LogLevel {
  return Object.hasOwn(logLevels, text)
}
