import { createRouter, openShop, prepareShop } from '@commitcast/bookshop'
import { createLogger, readConfig, runProcess, untilItWorks } from '@commitcast/worker'
import { apiVariables } from './config.ts'
import { startServer } from './server.ts'

const logger = createLogger('api')

await runProcess(
  async (signal) => {
    const config = readConfig(apiVariables)
    const shop = openShop(config, logger)
    const server = await startServer({
      router: createRouter(shop),
      health: () => shop.cast.health(),
      port: config.PORT,
      host: config.HOST,
      logger,
    })
    logger.info({ port: server.port }, 'listening')
    await untilItWorks(() => prepareShop(shop), {
      signal,
      onError: (err) => logger.warn({ err }, 'the database is not ready; waiting'),
    })
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    await server.close()
    await shop.close()
  },
  { logger },
)
