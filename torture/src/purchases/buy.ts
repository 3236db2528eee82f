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
  const requested = request(id, orderOf(random))
  const early = [
    ...(random.chance(0.1) ? [about('purchase.wrapped', customer, id)] : []),
    ...(random.chance(0.05) ? [about('purchase.cancelled', customer, id)] : []),
  ]
  await commit(customer, [...early, requested])
  if (random.chance(0.1)) await commit(customer, [request(id, orderOf(random))])
  if (random.chance(0.25)) {
    await sleep(random.int(0, 3_000), signal)
    await commit(customer, [about('purchase.cancelled', customer, id)])
  }
}

/** Requested again and again; some the moment that they have been cancelled, so that the old time-outs meet the new ones. */
async function buyAgain(customer: Customer, id: string): Promise<void> {
  const { random, signal } = customer
  for (let attempt = random.int(2, 4); attempt > 0 && !signal.aborted; attempt--) {
    await commit(customer, [request(id, orderOf(random, 0.4))])
    await sleep(random.int(0, random.chance(0.5) ? 500 : 4_000), signal)
    if (random.chance(0.6)) await commit(customer, [about('purchase.cancelled', customer, id)])
    await sleep(random.int(0, random.chance(0.7) ? 400 : 2_000), signal)
  }
}

function orderOf(random: Random, silence = 0.2): Order {
  const service = random.pick<ServiceName>(['stock', 'wallet'])
  const account = (name: string, { scarce, plenty }: typeof items) =>
    `${name}-${random.chance(0.3) ? random.int(1, scarce) : random.int(scarce + 1, scarce + plenty)}`
  return {
    item: account('stock', items),
    count: random.int(1, 3),
    wallet: account('wallet', wallets),
    price: random.int(1, 20),
    patienceMs: random.int(300, 6_000),
    ...(random.chance(silence) && { silent: { service, when: random.pick(['before', 'after']) } }),
  }
}

function request(key: string, order: Order): NewEvent {
  return { type: 'purchase.requested', key, data: order }
}

/** Of the customer's key, so that it may overtake what is said of the purchase's own. */
function about(type: string, { name, random }: Customer, purchase: string): NewEvent {
  return { type, key: `customer-${name}-${random.int(1, 20)}`, data: { purchase } }
}

/** Until it works. Where an answer was lost it is appended twice, as another event, as a customer does who clicks again. */
async function commit({ pool, signal, mayWrite }: Customer, events: readonly NewEvent[]): Promise<void> {
  while (!signal.aborted) {
    await mayWrite()
    try {
      await pool.query('select commitcast.append_all($1::json)', [JSON.stringify(events)])
      return
    } catch {
      await sleep(againMs, signal)
    }
  }
}
