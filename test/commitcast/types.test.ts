import { createCommitcast, defineEvents } from 'commitcast'
import type { Kysely, Transaction } from 'kysely'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { z } from 'zod'

const events = defineEvents({
  'order.placed': { data: z.object({ customerId: z.string(), bookId: z.number() }) },
  'order.delivered': { data: z.object({ customerId: z.string() }) },
})
const data = { customerId: 'ada', bookId: 1 }

/** Compiled, and not run. */
export async function mistakes(trx: Transaction<unknown>, db: Kysely<unknown>, pool: pg.Pool, client: pg.PoolClient) {
  const cast = createCommitcast({ app: 'shop', events, connectionString: 'postgres://127.0.0.1/shop' })
  const command = { caller: 'ada', key: 'k' }
  await cast.append(trx, { type: 'order.placed', key: '1', data })
  await cast.append(client, [
    { type: 'order.placed', key: '1', data },
    { type: 'order.delivered', key: '1', data },
  ])
  // @ts-expect-error an instance of Kysely is no transaction
  await cast.append(db, { type: 'order.placed', key: '1', data })
  // @ts-expect-error neither is a pool
  await cast.append(pool, { type: 'order.placed', key: '1', data })
  // @ts-expect-error nor for a command
  await cast.once(db, command, async () => 1)
  await cast.once(trx, command, async () => 1)
  await cast.append(trx, {
    // @ts-expect-error a typo of the type is an error of the type, and of nothing else
    type: 'order.plced',
    key: '1',
    data,
  })
  await cast.append(trx, {
    type: 'order.placed',
    key: '1',
    data: {
      customerId: 'ada',
      // @ts-expect-error a wrong field is an error of that field
      bookId: '1',
    },
  })
  await cast.appendSql({
    type: 'order.placed',
    key: '1',
    data: {
      // @ts-expect-error a field of another name, too
      customer: 'ada',
      bookId: 1,
    },
  })
  // One of several types, as a function of the application may have it.
  const either = { type: 'order.placed' as 'order.placed' | 'order.delivered', key: '1', data }
  await cast.append(trx, either)
}

test('what the compiler refuses stands above', () => {
  expect(mistakes).toBeTypeOf('function')
})
