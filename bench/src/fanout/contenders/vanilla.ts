import { EventEmitter, on } from 'node:events'
import { initTRPC, tracked } from '@trpc/server'
import superjson from 'superjson'
import type { Contender, Wire } from '../contender.ts'
import { startRouterServer } from '../router-server.ts'
import { envelopeOf } from '../sample-live.ts'

type Told = ReturnType<typeof envelopeOf>

/** tRPC with superjson as its documentation has it: an async generator for each client, on one event emitter. */
export function vanilla(wire: Wire): Contender {
  return {
    wire,
    async serve(size) {
      const emitter = new EventEmitter().setMaxListeners(0)
      const t = initTRPC.create({ transformer: superjson })
      const router = t.router({
        follow: t.procedure.subscription(async function* ({ signal }) {
          for await (const [{ id, data }] of on(emitter, 'event', { signal: signal! }) as AsyncIterable<[Told]>) {
            yield tracked(id, data)
          }
        }),
      })
      const port = await startRouterServer(router, { isLive: false })
      return {
        port,
        get followers() {
          return emitter.listenerCount('event')
        },
        publish: (n) => void emitter.emit('event', envelopeOf(n, size)),
      }
    },
  }
}
