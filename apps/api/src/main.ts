import { createRouter, openShop, prepareShop } from '@commitcast/bookshop'
import { aborted, readConfig, runProcess } from 'commitcast/process'
import { apiVariables } from './config.ts'
import { startServer } from './server.ts'

await runProcess('api', async ({ signal, logger }) => {
  const config = readConfig(apiVariables)
  const shop = openShop(config, logger)
  await prepareShop(shop, { signal, logger })
  const router = createRouter(shop)
  const server = await startServer({
    router,
    live: shop.live,
    health: shop.cast.health,
    port: config.PORT,
    host: config.HOST,
    logger,
  })
  logger.info({ port: server.port }, 'listening')
  await aborted(signal)
  await server.close()
  await shop.close()
})
