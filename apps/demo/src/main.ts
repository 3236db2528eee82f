import { runShoppers } from './shoppers.ts'
import { startEverything } from './start-everything.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stopping = new AbortController()
let hurry = false
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (hurry) process.exit(1)
    hurry = stopping.signal.aborted
    stopping.abort()
  })
}

say('Starting Postgres, NATS and the bookshop …')
try {
  const everything = await startEverything({ onLine: say })
  for (const origin of everything.origins) say(`  on ${origin}`)
  say(`open ${everything.url}`)
  say('Open it in two windows, place an order in one and watch the other. Ctrl-C ends it all.')
  const shoppers = runShoppers(everything.apiUrl, stopping.signal).catch((error) => say(`shoppers: ${error}`))
  const ended = new Promise((resolve) => stopping.signal.addEventListener('abort', resolve, { once: true }))
  if (!stopping.signal.aborted) await Promise.race([ended, everything.crashed]).finally(() => stopping.abort())
  await shoppers
  await everything.stop()
  process.exit(0)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
