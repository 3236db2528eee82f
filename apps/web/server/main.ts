import { aborted, readConfig, runProcess } from 'commitcast/process'
import { webVariables } from './config.ts'
import { findPages } from './find-pages.ts'
import { startServer } from './server.ts'

await runProcess('web', async ({ signal, logger }) => {
  const config = readConfig(webVariables)
  const server = await startServer({
    pages: findPages(),
    api: new URL(config.API_URL).origin,
    port: config.PORT,
    host: config.HOST,
    logger,
  })
  logger.info({ port: server.port }, 'listening')
  await aborted(signal)
  await server.close()
})
