import { sleep } from '@commitcast/worker'
import type pg from 'pg'
import type { Random } from '../random.ts'
import { items, type Order, processes, type ServiceName, wallets } from './purchase-story.ts'

export interface Customer {
  /** Begins the ids of purchases that nobody else requests. */
  readonly name: string
  readonly pool: pg.Pool
  readonly random: Random
  readonly signal: AbortSignal
  /** Resolves when something may be written. */
  readonly mayWrite: () => Promise<void>
}

interface NewEvent {
  readonly type: string
  readonly key: string
  readonly data: object
}

const againMs = 300

/** Buys things until the signal aborts: many purchases at once, of all kinds. */
export async function buy(customer: Customer, { betweenMs }: { readonly betweenMs: number }): Promise<void> {
  const { random, signal } = customer
  const running = new Set<Promise<void>>()
  for (let count = 1; !signal.aborted; count++) {
    await customer.mayWrite()
    const isAgain = random.chance(0.3)
    const id = `${isAgain ? processes.repurchases : processes.purchases}${customer.name}-${count}`
    const one = (isAgain ? buyAgain(customer, id) : buyOnce(customer, id)).catch(() => {})
    running.add(one)
    void one.then(() => running.delete(one))
    await sleep(random.int(0, betweenMs * 2), signal)
  }
  await Promise.all(running)
}

/** Some are requested twice, some wrapped and cancelled, now and then before they are requested. */
async function buyOnce(customer: Customer, id: string): Promise<void> {
  const { random, signal } = customer
  const early = [
    ...(random.chance(0.1) ? [about('purchase.wrapped', customer, id)] : []),
    ...(random.chance(0.05) ? [about('purchase.cancelled', customer, id)] : []),
  ]
  await request(customer, { id, order: orderOf(random), early })
  if (random.chance(0.1)) await request(customer, { id, order: orderOf(random) })
  if (random.chance(0.25)) {
    await sleep(random.int(0, 3_000), signal)
    await cancel(customer, id)
  }
}

/** Requested again and again; some the moment that they have been cancelled, so that the old time-outs meet the new ones. */
async function buyAgain(customer: Customer, id: string): Promise<void> {
  const { random, signal } = customer
  for (let attempt = random.int(2, 4); attempt > 0 && !signal.aborted; attempt--) {
    await request(customer, { id, order: orderOf(random, 0.6) })
    await sleep(random.int(0, random.chance(0.5) ? 500 : 4_000), signal)
    if (random.chance(0.6)) await cancel(customer, id)
    await sleep(random.int(0, random.chance(0.7) ? 400 : 2_000), signal)
  }
}

function orderOf(random: Random, silence = 0.35): Order {
  const service = random.pick<ServiceName>(['stock', 'wallet'])
  const account = (name: string, { scarce, plenty }: typeof items) =>
    `${name}-${random.chance(0.3) ? random.int(1, scarce) : random.int(scarce + 1, scarce + plenty)}`
  return {
    item: account('stock', items),
    count: random.int(1, 3),
    wallet: account('wallet', wallets),
    price: random.int(1, 20),
    patienceMs: random.chance(0.4) ? random.int(300, 2_000) : random.int(3_000, 8_000),
    ...(random.chance(silence) && { silent: { service, when: random.pick(['before', 'after']) } }),
  }
}

interface Request {
  readonly id: string
  readonly order: Order
  /** What is said of it before, in the same transaction. */
  readonly early?: readonly NewEvent[]
}

async function request(customer: Customer, { id, order, early = [] }: Request): Promise<void> {
  const events = [...early, { type: 'purchase.requested', key: id, data: order }]
  await commit(customer, {
    text: `with noted as (insert into torture.requested (purchase) values ($2) on conflict do nothing)
      select commitcast.append_all($1::json)`,
    values: [JSON.stringify(events), id],
  })
}

/** A fail-over may have lost the request, though its commit was acknowledged: then there is nothing to cancel. */
async function cancel(customer: Customer, id: string): Promise<void> {
  await commit(customer, {
    text: 'select commitcast.append_all($1::json) where exists (select from torture.requested where purchase = $2)',
    values: [JSON.stringify([about('purchase.cancelled', customer, id)]), id],
  })
}

/** Of the customer's key, so that it may overtake what is said of the purchase's own. */
function about(type: string, { name, random }: Customer, purchase: string): NewEvent {
  return { type, key: `customer-${name}-${random.int(1, 20)}`, data: { purchase } }
}

/** Until it works. Where an answer was lost it is done twice, as by a customer who clicks again. */
async function commit({ pool, signal, mayWrite }: Customer, statement: pg.QueryConfig<string[]>): Promise<void> {
  while (!signal.aborted) {
    await mayWrite()
    try {
      await pool.query(statement)
      return
    } catch {
      await sleep(againMs, signal)
    }
  }
}
