import type { CommittedEvent } from '@commitcast/events'
import type { Subscriptions } from '@commitcast/live'
import { initTRPC } from '@trpc/server'
import { sql, type Transaction } from 'kysely'
import superjson from 'superjson'

/** An event as clients get it. */
export type TortureEvent = CommittedEvent<string, { readonly n: number }> & { readonly metadata: unknown }

/** Of each followed key the number of its last event. */
export type State = ReadonlyMap<string, number>

/** The tables are made and asked by hand. */
export type Tables = Record<string, never>

/** What the API serves: the events of some channels, and the same with a state first. */
export function createLiveRouter(live: Subscriptions<TortureEvent, Tables>) {
  const t = initTRPC.create({ transformer: superjson })
  const procedure = t.procedure.input(readInput)
  const channels = ({ input }: { input: LiveInput }) => input.channels
  return t.router({
    follow: procedure.subscription(live.subscription({ channels, authorize: 'everyone' })),
    query: procedure.subscription(
      live.subscription({
        channels,
        authorize: 'everyone',
        state: ({ input, trx }) => readState(trx, input.channels.map(keyOf)),
      }),
    ),
  })
}

export type LiveRouter = ReturnType<typeof createLiveRouter>

interface LiveInput {
  readonly channels: readonly string[]
}

function readInput(raw: unknown): LiveInput {
  const { channels } = raw as LiveInput
  return { channels }
}

function keyOf(channel: string): string {
  return channel.replace(/^key:/, '')
}

/** The ledger is written in the events' own transactions. Events with these numbers are told to nobody. */
async function readState(trx: Transaction<Tables>, keys: readonly string[]): Promise<State> {
  const { rows } = await sql<{ key: string; n: string }>`
    select key, max(n) as n from torture.ledger where key = any(${keys}) and n % 13 <> 0 group by key`.execute(trx)
  return new Map(rows.map(({ key, n }) => [key, Number(n)]))
}
