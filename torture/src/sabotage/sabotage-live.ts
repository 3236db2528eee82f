import { createSubscriptions, type Subscriptions } from '@commitcast/live'
import { sleep } from '@commitcast/worker'
import { type TrackedEnvelope, tracked } from '@trpc/server'
import type { Tables, TortureEvent } from '../api/live-router.ts'
import type { Sabotage } from '../options.ts'

type Live = Subscriptions<TortureEvent, Tables>
type Parts = Parameters<typeof createSubscriptions<TortureEvent, Tables>>[0]
type Item = TrackedEnvelope<unknown>
/** What of a subscription's call is looked at or changed here. */
type Resolver<TCall> = (call: TCall) => AsyncIterable<Item>

/** What an API process serves instead, so that it goes without one of its mechanisms. */
export function sabotageLive(sabotage: Sabotage | undefined, live: Live, parts: Parts): Live {
  if (sabotage === 'drop-tracked') return yielding(live, dropTracked())
  if (sabotage === 'cursor-without-snapshot') return yielding(live, withoutSnapshot)
  if (sabotage === 'state-after-attach-swapped') return stateBeforeAttach(live, parts)
  return live
}

/** Yields everything, frames have no say, and changes each item on its way to tRPC. */
function yielding(live: Live, change: (item: Item) => unknown): Live {
  const changed = <TCall extends { readonly ctx: unknown }>(resolve: Resolver<TCall>): Resolver<TCall> =>
    async function* (call) {
      for await (const item of resolve({ ...call, ctx: undefined })) yield change(item) as Item
    }
  return { subscription: (options) => changed(live.subscription(options)) as never }
}

const everyNth = 40

/** Now and then an event goes out without its cursor. */
function dropTracked(): (item: Item) => unknown {
  let count = 0
  return (item) => (++count % everyNth === 0 ? item[1] : item)
}

/** Cursors of state-first subscriptions say where the client is, and nothing of its state. */
function withoutSnapshot([id, envelope]: Item): Item {
  return tracked(String(id).split('.').slice(0, 3).join('.'), envelope)
}

const lateMs = 250

/** The state is read first; the follower comes to its place a moment later. */
function stateBeforeAttach({ subscription }: Live, parts: Parts): Live {
  return {
    subscription(options) {
      const { state } = options
      if (!state) return subscription(options)
      return async function* (call) {
        const reading = await parts.states.read((trx) => state({ ...call, trx }))
        await sleep(lateMs)
        const states = { read: async () => reading } as unknown as Parts['states']
        yield* createSubscriptions<TortureEvent, Tables>({ ...parts, states }).subscription(options)(call)
      }
    },
  }
}
