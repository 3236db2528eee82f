import { runWorker } from '@commitcast/bookshop'
import { createLogger, readConfig, runProcess } from '@commitcast/worker'
import { streamVariables } from './config.ts'

const logger = createLogger('stream')

await runProcess((signal) => runWorker(['stream'], { config: readConfig(streamVariables), signal, logger }), { logger })
