import { assignOffsets, type Page } from '@commitcast/outbox'
import { createLeases, type Lease } from '@commitcast/worker'
import type { Random } from '../fixtures/random.ts'
import { type Database, onClient, schema } from './old-days.ts'
import { createTransactions, type Written } from './windows-transactions.ts'

/** What happened, in the order of the steps. */
export interface Story {
  /** The events of transactions that committed. */
  readonly committed: readonly Written[]
  /** The pages whose replies arrived. */
  readonly pages: readonly Page[]
}

/**
 * Plays so many random steps: transactions that begin, lock, write, go back to savepoints, are prepared and end; and
 * relays that give pages of any size, two at once, with an old term, whose reply is lost or whose backend is killed. A
 * seed plays the same steps; only what happens at once may fall out otherwise. `look` is called after each. At the end everything committed is given.
 */
export async function playStory(
  database: Database,
  random: Random,
  { steps, look = async () => {} }: { readonly steps: number; readonly look?: () => Promise<void> },
): Promise<Story> {
  using transactions = createTransactions(database, random)
  const relays = await createRelays(database, random)
  for (let step = 1; step <= steps; step++) {
    await (random.chance(0.75) ? transactions.act(step) : relays.act())
    await look()
  }
  await transactions.endAll(steps + 1)
  await relays.giveRest()
  return { committed: transactions.committed, pages: relays.pages }
}

async function createRelays(database: Database, random: Random) {
  const pages: Page[] = []
  let relay = createLeases({ sql: database.sql, schema, group: 'relay', ttlMs: 600_000, owner: 'relay' })
  let leases = await relay.renew()
  let oldLeases: readonly Lease[] = []

  const give = async (sql = database.sql, maxPage = random.int(1, 4)) => {
    const given = await assignOffsets(sql, { schema, leases, maxPage })
    pages.push(...given)
    return given.length
  }
  const giveAtOnce = async () => {
    const results = await Promise.allSettled([give(), give()])
    for (const result of results)
      if (result.status === 'rejected' && result.reason.code !== '23505') throw result.reason
  }
  /** Whether the page was given before the backend died is anybody's guess. */
  const giveAndDie = async () => {
    const client = await database.pool.connect()
    const { rows } = await client.query('select pg_backend_pid() as pid')
    const giving = give(onClient(client)).catch((error) => {
      if (!isDeath(error)) throw error
    })
    await Promise.all([giving, database.sql.query('select pg_terminate_backend($1)', [rows[0].pid])])
    client.release(true)
  }
  const takeOver = async () => {
    oldLeases = leases
    await relay.release()
    relay = createLeases({ sql: database.sql, schema, group: 'relay', ttlMs: 600_000, owner: `relay${random.next()}` })
    leases = await relay.renew()
  }
  const giveByOldTerm = async () => {
    const given = await assignOffsets(database.sql, { schema, leases: oldLeases, maxPage: 3 })
    if (given.length > 0) throw new Error('A lease of an older term gave a page.')
  }
  return {
    pages,
    async act() {
      const dice = random.next()
      if (dice < 0.5) await give()
      else if (dice < 0.7) await giveAtOnce()
      else if (dice < 0.8) await assignOffsets(database.sql, { schema, leases, maxPage: random.int(1, 4) })
      else if (dice < 0.9) await giveAndDie()
      else if (dice < 0.95) await takeOver()
      else await giveByOldTerm()
    },
    async giveRest() {
      while ((await give()) > 0);
    },
  }
}

function isDeath(error: { readonly code?: string; readonly message: string }): boolean {
  return error.code === '57P01' || error.code === '23505' || /Connection terminated|not queryable/.test(error.message)
}
