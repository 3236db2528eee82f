import { expect } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openDatabase } from '../fixtures/open-database.ts'
import type { ComposedBookshop } from './compose-bookshop.ts'
import { countFaults, noFaults, type Sighting } from './count-faults.ts'
import { keepOrdering } from './keep-ordering.ts'
import { watchOrders } from './watch-orders.ts'

const groups = { relay: 'relay', stream: 'live' } as const
const services = ['relay', 'stream'] as const
const scalings = [{ relay: 3 }, { stream: 3 }, { relay: 1 }, { stream: 1 }, { relay: 2, stream: 2 }]
const ordersBetween = 30
const settleMs = 60_000

type Replicas = Partial<Readonly<Record<keyof typeof groups, number>>>

/**
 * Orders and follows while relay and stream are scaled up and down and one container of each is killed. Goes on from a
 * step when all partitions are shared by as many workers as there should be, and orders placed from then on were seen.
 * Resolves when all that was ordered was seen, with the orders, what the follower saw and how many steps there were.
 */
export async function scaleUnderLoad(shop: ComposedBookshop) {
  await using database = openDatabase(shop.databaseUrl)
  await using stack = new AsyncDisposableStack()
  const seen: Sighting[] = []
  stack.defer(await watchOrders(shop.apiUrl, ({ key, type }) => seen.push({ key, type })))
  const ordering = stack.use(await keepOrdering(shop.apiUrl))
  let steps = 0

  const become = async (replicas: Replicas, change: () => Promise<void> = () => shop.scale(replicas)) => {
    await change()
    for (const service of services) {
      const workers = replicas[service]
      if (workers !== undefined) await eventually(() => expectShared(database.sql, service, workers), settleMs)
    }
    const first = ordering.placed.length
    await eventually(() => {
      const next = ordering.placed.slice(first, first + ordersBetween)
      expect(next).toHaveLength(ordersBetween)
      expect(
        countFaults(
          seen.filter(({ key }) => next.includes(key)),
          next,
        ),
      ).toEqual(noFaults)
    }, settleMs)
    steps += 1
  }

  try {
    await become({ relay: 2, stream: 2 }, async () => {})
    for (const replicas of scalings) await become(replicas)
    for (const service of services) {
      await become({ [service]: 1 }, () => shop.killOne(service))
      await become({ [service]: 2 })
    }
  } finally {
    // What a call of the API failed at tells more than a wait for orders that never came.
    await ordering.stop()
  }
  const orders = [...ordering.placed]
  await eventually(() => expect(countFaults(seen, orders)).toEqual(noFaults), settleMs)
  return { orders, seen, steps }
}

async function expectShared(
  sql: ReturnType<typeof openDatabase>['sql'],
  service: keyof typeof groups,
  workers: number,
): Promise<void> {
  const [row] = await sql.query<{ owners: number; free: number }>(
    `select count(distinct owner) filter (where held)::int as owners, count(*) filter (where not held)::int as free
     from (select owner, owner in (select owner from commitcast.active_members($1)) as held
           from commitcast.lease where group_name = $1) as lease`,
    [groups[service]],
  )
  expect(row, `workers that share the partitions of ${service}`).toEqual({ owners: workers, free: 0 })
}
