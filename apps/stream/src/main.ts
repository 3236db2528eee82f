import { runWorker } from '@commitcast/bookshop'
import { readConfig, runProcess } from 'commitcast/process'
import { streamVariables } from './config.ts'

await runProcess('stream', (context) => runWorker(['stream'], { ...context, config: readConfig(streamVariables) }))
