import type { Role } from 'commitcast'
import { type HealthReport, type Logger, startHealthServer } from 'commitcast/process'
import { prepareShop } from './shop/prepare-shop.ts'
import { openShop, type ShopOptions } from './shop.ts'

export interface WorkerOptions extends ShopOptions {
  readonly HEALTH_PORT: number
  readonly HOST: string
}

/** A worker process of the shop: waits for the database, runs its roles until the signal aborts, drains. */
export async function runWorker(
  roles: readonly Role[],
  { config, signal, logger }: { config: WorkerOptions; signal: AbortSignal; logger: Logger },
): Promise<void> {
  const shop = openShop(config, logger)
  let report: HealthReport = () => ({ database: { ready: false } })
  const health = await startHealthServer(() => report(), { port: config.HEALTH_PORT, host: config.HOST })
  logger.info({ roles, healthPort: health.port }, 'started')
  await prepareShop(shop, { signal, logger })
  const running = shop.cast.run({ roles, use: roles.includes('stream') ? [shop.live] : [], signal })
  report = shop.cast.health
  await running
  await health.close()
  await shop.close()
}
