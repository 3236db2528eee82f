import { runShoppers } from './shoppers.ts'
import { startEverything } from './start-everything.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stopping = new AbortController()
let isRunning = false
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // Before everything runs, or when it is asked twice, the servers' own watch cleans up behind us.
    if (!isRunning || stopping.signal.aborted) process.exit(1)
    stopping.abort()
  })
}

say('Starting Postgres, NATS and the bookshop …')
try {
  const everything = await startEverything({ onLine: say, revive: true })
  isRunning = true
  for (const origin of everything.origins) say(`  on ${origin}`)
  say(`open ${everything.url}`)
  say('Open it in two windows, place an order in one and watch the other. Ctrl-C ends it all.')
  const shoppers = runShoppers(everything.apiUrl, stopping.signal).catch((error) => say(`shoppers: ${error}`))
  const ended = new Promise((resolve) => stopping.signal.addEventListener('abort', resolve, { once: true }))
  await Promise.race([ended, everything.crashed]).finally(() => stopping.abort())
  await shoppers
  await everything.stop()
  process.exit(0)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
