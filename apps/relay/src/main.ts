import { runWorker } from '@commitcast/bookshop'
import { createLogger, readConfig, runProcess } from '@commitcast/worker'
import { relayVariables } from './config.ts'

const logger = createLogger('relay')

await runProcess((signal) => runWorker(['relay'], { config: readConfig(relayVariables), signal, logger }), { logger })
