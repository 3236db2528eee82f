import { runWorker } from '@commitcast/bookshop'
import { readConfig, runProcess } from 'commitcast/process'
import { relayVariables } from './config.ts'

await runProcess('relay', (context) => runWorker(['relay'], { ...context, config: readConfig(relayVariables) }))
