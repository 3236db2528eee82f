import type pg from 'pg'
import type { Random } from '../fixtures/random.ts'
import type { Database } from './old-days.ts'

const keys = ['a', 'b', 'c', 'd']
const maxOpen = 8
const maxPrepared = 4

export interface Written {
  readonly id: string
  readonly key: string
  /** The step at which its statement began. */
  readonly at: number
  /** The version that its transaction had given to the key's row before it; undefined where it held no lock of it. */
  readonly version: number | undefined
  readonly transaction: Transaction
}

interface Transaction {
  /** The versions that it gave to the keys' rows. */
  versions: ReadonlyMap<string, number>
  /** The step at which it had committed. */
  committedAt?: number
}

interface Open {
  readonly client: pg.PoolClient
  readonly transaction: Transaction
  events: Written[]
  savepoint?: { readonly events: readonly Written[]; readonly versions: ReadonlyMap<string, number> } | undefined
  /** Waits for a row; resolves when it has it, or had to be rolled back. */
  waiting?: { readonly key: string; readonly through: Promise<void> } | undefined
  /** Its name, once it is prepared. */
  prepared?: string
}

/** Transactions that are open side by side, each on its own connection, a random step at a time. */
export function createTransactions({ pool, sql }: Database, random: Random) {
  const committed: Written[] = []
  const living = new Set<Open>()
  let step = 0

  const able = () => [...living].filter((one) => !one.waiting && one.prepared === undefined)
  const prepared = () => [...living].filter((one) => one.prepared !== undefined)
  const isHeld = (key: string, by: Open) => [...living].some((one) => one !== by && one.transaction.versions.has(key))
  const isWaitedFor = (key: string) => [...living].some((one) => one.waiting?.key === key)
  /** Whoever waited for what has become free goes on. */
  const letThrough = async () => {
    for (;;) {
      const next = [...living].find((one) => one.waiting && !isHeld(one.waiting.key, one))
      if (!next) return
      await next.waiting!.through
      next.waiting = undefined
    }
  }

  const begin = async () => {
    const client = await pool.connect()
    await client.query(random.chance(0.3) ? 'begin isolation level repeatable read' : 'begin')
    await client.query('set local commitcast.notify = off')
    if (random.chance(0.3)) await client.query('set local synchronous_commit = off')
    if (random.chance(0.5)) await client.query('select pg_current_xact_id()')
    living.add({ client, transaction: { versions: new Map() }, events: [] })
  }

  const write = async (one: Open) => {
    const rows = Array.from({ length: random.int(1, 3) }, () => ({
      id: crypto.randomUUID(),
      type: 'thing.done',
      key: random.pick(keys),
    }))
    await one.client.query('select commitcast.append_all($1)', [JSON.stringify(rows)])
    const { transaction } = one
    for (const { id, key } of rows)
      one.events.push({ id, key, at: step, version: transaction.versions.get(key), transaction })
  }

  /** In the order of the keys, so that nobody waits in a circle. Some append in the very statement that waits. */
  const lock = async (one: Open) => {
    const { client, transaction } = one
    const free = keys.filter((key) => [...transaction.versions.keys()].every((held) => held < key) && !isWaitedFor(key))
    if (free.length === 0) return
    const key = random.pick(free)
    const appending = random.chance(0.5) ? `commitcast.append('thing.done', key, '0')` : 'null'
    const at = step
    const mustWait = isHeld(key, one)
    const locking = client.query<{ n: number; id: string | null }>(
      `update thing set n = n + 1 where key = $1 returning n, ${appending}::text as id`,
      [key],
    )
    const through = locking.then(
      ({ rows: [row] }) => {
        transaction.versions = new Map(transaction.versions).set(key, row!.n)
        if (row!.id !== null) one.events.push({ id: row!.id, key, at, version: row!.n, transaction })
      },
      async (error) => {
        if (error.code !== notSerializable) throw error
        await client.query('rollback')
        gone(one)
      },
    )
    if (mustWait) one.waiting = { key, through }
    else await through
  }

  const savepoint = async (one: Open) => {
    if (one.savepoint === undefined) {
      await one.client.query('savepoint here')
      one.savepoint = { events: [...one.events], versions: one.transaction.versions }
    } else if (random.chance(0.5)) {
      await one.client.query('rollback to savepoint here')
      one.events = [...one.savepoint.events]
      one.transaction.versions = one.savepoint.versions
    } else {
      await one.client.query('release savepoint here')
      one.savepoint = undefined
    }
  }

  const end = async (one: Open) => {
    const how = random.next()
    if (how < 0.15 && prepared().length < maxPrepared) {
      one.prepared = crypto.randomUUID()
      await one.client.query(`prepare transaction '${one.prepared}'`)
      one.client.release()
      return
    }
    const commits = how < 0.8
    await one.client.query(commits ? 'commit' : 'rollback')
    if (commits) commit(one)
    gone(one)
  }
  const decide = async (one: Open) => {
    const commits = random.chance(0.7)
    await sql.query(`${commits ? 'commit' : 'rollback'} prepared '${one.prepared}'`)
    if (commits) commit(one)
    living.delete(one)
  }
  const commit = ({ transaction, events }: Open) => {
    transaction.committedAt = step
    committed.push(...events)
  }
  const gone = (one: Open) => {
    living.delete(one)
    one.client.release()
  }

  return {
    committed,
    async act(at: number) {
      step = at
      const dice = random.next()
      const [one, two] = [able(), prepared()].map((some) => (some.length > 0 ? random.pick(some) : undefined))
      if (!one || (dice < 0.25 && living.size < maxOpen)) await begin()
      else if (dice < 0.5) await write(one)
      else if (dice < 0.65) await lock(one)
      else if (dice < 0.78) await savepoint(one)
      else if (dice < 0.92 || !two) await end(one)
      else await decide(two)
      await letThrough()
    },
    async endAll(at: number) {
      step = at
      while (living.size > 0) {
        const [one, two] = [able()[0], prepared()[0]]
        if (one) await end(one)
        else await decide(two!)
        await letThrough()
      }
    },
    /** After a failure: nobody waits for what is still open. */
    [Symbol.dispose]() {
      for (const one of living) if (one.prepared === undefined) one.client.release(true)
    },
  }
}

/** Under repeatable read: the row was changed since the snapshot was taken. */
const notSerializable = '40001'
