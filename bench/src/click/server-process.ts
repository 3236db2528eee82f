import { runProcess } from 'commitcast/process'
import { answerParent } from '../child/answer-parent.ts'
import { startRouterServer } from '../fanout/router-server.ts'
import { openShop, type ShopConfig } from './shop.ts'

/** What a server process is given. */
export type ServerConfig = ShopConfig

/** The API process. */
await runProcess('click server', async ({ signal, logger }) => {
  const { router } = openShop(JSON.parse(process.argv[2] ?? '{}') as ServerConfig, logger)
  const port = await startRouterServer(router, { isLive: true })
  await answerParent(signal, { port: async () => port })
  // Sockets that are open keep a process alive.
  process.exit(0)
})
