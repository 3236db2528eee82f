import { runProcess } from 'commitcast/process'
import { answerParent } from '../child/answer-parent.ts'
import type { Wire } from './contender.ts'
import { countEvents } from './count-events.ts'
import { openSocket } from './wires/open-socket.ts'
import { openSse } from './wires/open-sse.ts'

export interface ConnectRequest {
  readonly wire: Wire
  readonly port: number
  readonly clients: number
  /** Whether the first one's events are kept and looked at. Default true. */
  readonly areLookedInto?: boolean
}

const atOnce = 50
const patienceMs = 180_000

/** Many clients in one process. They count what they get, and look into nothing but the first one's. */
await runProcess('fanout clients', async ({ signal }) => {
  let isLookedInto = true
  let clients: { readonly count: ReturnType<typeof countEvents>; readonly close: () => void }[] = []
  const hasAll = (events: number) => clients.every(({ count }) => count.events >= events)

  await answerParent(signal, {
    async connect({ wire, port, clients: wanted, areLookedInto = true }: ConnectRequest) {
      isLookedInto = areLookedInto
      while (clients.length < wanted) {
        const more = Array.from({ length: Math.min(atOnce, wanted - clients.length) }, async (_, index) => {
          const count = countEvents({ isKept: areLookedInto && clients.length + index === 0 })
          const close = await (wire === 'sse' ? openSse(port, count.take) : openSocket(wire, port, count.take))
          return { count, close }
        })
        clients.push(...(await Promise.all(more)))
      }
    },
    /** Resolves when every client has had so many events since it connected; the first one's numbers are looked at. */
    async received(events: number) {
      for (const until = Date.now() + patienceMs; !hasAll(events); ) {
        if (Date.now() > until) throw new Error(`Not all clients have had ${events} events after ${patienceMs} ms.`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      const numbers = clients[0]!.count.numbers()
      const isOnce = !isLookedInto || new Set(numbers).size === events
      if (!isOnce || clients.some(({ count }) => count.events !== events)) {
        throw new Error(`Clients should have had ${events} events, each once.`)
      }
    },
    async disconnect() {
      for (const { close } of clients) close()
      clients = []
    },
  })
  process.exit(0)
})
