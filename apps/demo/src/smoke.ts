import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { follow } from '@commitcast/client'
import { withTimeout } from 'commitcast/process'
import { findProcesses } from './find-processes.ts'
import { openShopClient } from './shop-client.ts'
import { startEverything } from './start-everything.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const say = (line: string) => (values.json ? process.stderr : process.stdout).write(`${line}\n`)

// Everything that we start keeps its files in this folder or inherits its name; that is how it is found from outside.
const folder = mkdtempSync(join(tmpdir(), 'commitcast-smoke-'))
chmodSync(folder, 0o755)
process.env.TMPDIR = folder

const seen = await run().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return undefined
})
const leftoverProcesses = await untilNoneLeft()
rmSync(folder, { recursive: true, force: true })
const ok = seen !== undefined && leftoverProcesses === 0
const result = {
  ok,
  broker: seen?.broker,
  placedToSeenMs: seen?.placedToSeenMs,
  customerName: seen?.customerName,
  leftoverProcesses,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit(ok ? 0 : 1)

/** Places one order on one client and waits until another one receives its event. */
async function run() {
  const everything = await startEverything({ onLine: say })
  try {
    const buyer = openShopClient(everything.apiUrl)
    const watcher = openShopClient(everything.apiUrl)
    const [book] = await buyer.trpc.books.query({ search: 'Frankenstein' })
    let watch: { isLive(): void; saw(orderId: string, customerName?: string): void }
    const live = new Promise<void>((resolve) => {
      watch = { isLive: resolve, saw: () => {} }
    })
    const stop = follow(watcher.trpc.orders.follow, undefined, {
      onStatus: (status) => status === 'live' && watch.isLive(),
      onEvent: (event) => watch.saw(event.key, event.metadata.customer?.name),
    })
    await withTimeout(() => live, { ms: 20_000, what: 'The start of the second client' })
    const arrivals = new Map<string, { at: number; customerName: string | undefined }>()
    let arrived = () => {}
    watch!.saw = (orderId, customerName) => {
      arrivals.set(orderId, { at: performance.now(), customerName })
      arrived()
    }
    const placedAt = performance.now()
    const { id } = await buyer.trpc.orders.place.mutate({ customerId: 'ada', bookId: book!.id, quantity: 1 })
    const seen = new Promise<void>((resolve) => {
      arrived = () => arrivals.has(id) && resolve()
      arrived()
    })
    await withTimeout(() => seen, { ms: 20_000, what: 'The delivery of the order' })
    stop()
    await Promise.all([buyer.close(), watcher.close()])
    const { at, customerName } = arrivals.get(id)!
    return { broker: everything.broker, placedToSeenMs: Math.round((at - placedAt) * 10) / 10, customerName }
  } finally {
    await everything.stop()
  }
}

async function untilNoneLeft(): Promise<number> {
  for (const until = Date.now() + 3_000; ; ) {
    const left = await findProcesses(folder)
    if (left.length === 0 || Date.now() > until) return left.length
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
