import type { Role } from 'commitcast'
import { runProcess } from 'commitcast/process'
import { openShop, type ShopConfig } from './shop.ts'

/** What a worker process is given. */
export interface WorkerConfig extends ShopConfig {
  readonly role: Role
}

/** A relay or a stream worker as in production, with defaults: a process of its own. */
await runProcess('click worker', async ({ signal, logger }) => {
  const { role, ...config } = JSON.parse(process.argv[2] ?? '{}') as WorkerConfig
  const { cast, live, close } = openShop(config, logger)
  await cast.run({ roles: [role], use: role === 'stream' ? [live] : [], signal })
  await close()
})
