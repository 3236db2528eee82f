import { createJsonLogger } from './json-logger.ts'

/** Warnings and errors, one JSON line each on standard error: the default of everything that is given no logger. */
export const warningLogger = createJsonLogger({
  name: 'commitcast',
  level: 'warn',
  write: (line) => void process.stderr.write(line),
})
