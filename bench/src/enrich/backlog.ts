import type { Server } from '@commitcast/servers'
import { startChild } from '../child/start-child.ts'
import { type Outbox, openOutbox } from '../open-outbox.ts'
import type { RelayConfig } from '../relay-process.ts'
import { seed } from '../seed.ts'
import { appendNthOrder, createShop } from './sample-orders.ts'

/** A shop whose orders lie in its events topic. Reading takes nothing away, so every run finds the same. */
export interface Backlog extends AsyncDisposable {
  readonly outbox: Outbox
  readonly app: string
  readonly events: number
}

/** Appends orders, a transaction each, and has a relay carry them; then nobody writes any more. */
export async function openBacklog(
  { postgres, nats }: { readonly postgres: Server; readonly nats: Server },
  events: number,
): Promise<Backlog> {
  const app = 'backlog'
  const outbox = await openOutbox(postgres)
  await createShop(outbox.pool)
  await outbox.pool.query('create table order_count (key text primary key, orders bigint not null)')
  await seed({ databaseUrl: outbox.url, transactions: events }, appendNthOrder)
  const config: RelayConfig = { databaseUrl: outbox.url, natsUrl: nats.url, app }
  await using _relay = startChild('relay-process.ts', config)
  await outbox.untilAsleep(events)
  return { outbox, app, events, [Symbol.asyncDispose]: () => outbox[Symbol.asyncDispose]() }
}
