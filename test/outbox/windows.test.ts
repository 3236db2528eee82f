import { givePages, type Page, readPages } from '@commitcast/outbox'
import { createLeases } from '@commitcast/worker'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { createRandom, type Random } from '../fixtures/random.ts'

const partitions = 2
const keys = ['a', 'b', 'c', 'd']

interface Written {
  readonly id: string
  readonly key: string
  /** The step at which its statement began. */
  readonly at: number
  /** The step at which its transaction had committed. */
  committedAt?: number
}

interface Writer {
  readonly client: pg.PoolClient
  events: Written[]
  savepoint: number | undefined
  readonly prepared?: string
}

test.each(Array.from({ length: 25 }, (_, run) => run))(
  'random writers, aborts, savepoints, prepared and long transactions: every committed event gets one offset, in order (run %i)',
  async () => {
    const random = createRandom()
    await using database = await freshDatabase({ partitions })
    const history = await play(database, random, 120).catch((error) => {
      throw new Error(`SEED=${random.seed}: ${error}`, { cause: error })
    })
    const context = `SEED=${random.seed}`
    const offsets = history.pages.flatMap((page) =>
      page.messages.map((message) => ({ ...message, partition: page.partition })),
    )
    const committed = history.written.filter((event) => event.committedAt !== undefined)
    expect(offsets.map((message) => message.id).sort(), context).toEqual(committed.map((event) => event.id).sort())
    for (let partition = 0; partition < partitions; partition++) {
      const own = offsets.filter((message) => message.partition === partition).map((message) => message.offset)
      expect(
        own.sort((a, b) => a - b),
        context,
      ).toEqual(own.map((_, index) => index + 1))
      const again = await readPages(database.sql, {
        schema: 'commitcast',
        epoch: 1,
        partition,
        after: 0,
        maxPages: 10_000,
      })
      const given = history.pages.filter((page) => page.partition === partition)
      const inOrder = given.sort((a, b) => a.firstOffset - b.firstOffset).flatMap((page) => page.messages)
      expect(
        again.flatMap((page) => page.messages),
        context,
      ).toEqual(inOrder)
    }
    const offsetOf = new Map(offsets.map((message) => [message.id, message.offset]))
    for (const early of committed) {
      for (const late of committed) {
        if (early.key !== late.key || !(early.committedAt! < late.at)) continue
        expect(offsetOf.get(early.id), `${context}: ${early.id} before ${late.id}`).toBeLessThan(offsetOf.get(late.id)!)
      }
    }
  },
)

async function play(database: Awaited<ReturnType<typeof freshDatabase>>, random: Random, steps: number) {
  const { sql, pool } = database
  const leases = await createLeases({ sql, schema: 'commitcast', group: 'relay', ttlMs: 600_000 }).renew()
  const written: Written[] = []
  const pages: Page[] = []
  const writers: Writer[] = []
  const prepared: { readonly name: string; readonly events: Written[] }[] = []
  let step = 0

  const give = async (maxPage: number) => {
    const relays = random.chance(0.3) ? 2 : 1
    const results = await Promise.allSettled(
      Array.from({ length: relays }, () => givePages(sql, { schema: 'commitcast', leases, maxPage })),
    )
    for (const result of results) {
      if (result.status === 'fulfilled') pages.push(...result.value)
      else if (result.reason.code !== '23505') throw result.reason
    }
    return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : [])).length
  }

  const begin = async () => {
    const client = await pool.connect()
    await client.query(random.chance(0.3) ? 'begin isolation level repeatable read' : 'begin')
    if (random.chance(0.3)) await client.query(`set local synchronous_commit = off`)
    if (random.chance(0.5)) await client.query('select pg_current_xact_id()')
    writers.push({ client, events: [], savepoint: undefined })
  }
  const write = async (writer: Writer) => {
    const rows = Array.from({ length: random.int(1, 3) }, () => ({
      id: crypto.randomUUID(),
      type: 'thing.done',
      key: random.pick(keys),
      data: { step },
    }))
    await writer.client.query('set local commitcast.notify = off')
    await writer.client.query('select commitcast.append_all($1)', [JSON.stringify(rows)])
    for (const { id, key } of rows) {
      const event: Written = { id, key, at: step }
      written.push(event)
      writer.events.push(event)
    }
  }
  const savepoint = async (writer: Writer) => {
    if (writer.savepoint === undefined) {
      await writer.client.query('savepoint here')
      writer.savepoint = writer.events.length
    } else {
      await writer.client
        .query(random.chance(0.5) ? 'rollback to savepoint here' : 'release savepoint here')
        .then(({ command }) => {
          if (command === 'ROLLBACK') writer.events = writer.events.slice(0, writer.savepoint)
          else writer.savepoint = undefined
        })
    }
  }
  const end = async (writer: Writer) => {
    writers.splice(writers.indexOf(writer), 1)
    const how = random.next()
    if (how < 0.2) await writer.client.query('rollback')
    else if (how < 0.35 && writer.events.length > 0) {
      const name = `p${step}_${random.int(0, 1_000_000)}`
      await writer.client.query(`prepare transaction '${name}'`)
      prepared.push({ name, events: writer.events })
    } else {
      await writer.client.query('commit')
      for (const event of writer.events) event.committedAt = step
    }
    writer.client.release()
  }
  const decide = async () => {
    const [one] = prepared.splice(random.int(0, prepared.length - 1), 1)
    if (!one) return
    const commits = random.chance(0.7)
    await sql.query(`${commits ? 'commit' : 'rollback'} prepared '${one.name}'`)
    if (commits) for (const event of one.events) event.committedAt = step
  }

  for (step = 1; step <= steps; step++) {
    const dice = random.next()
    const writer = writers.length > 0 ? random.pick(writers) : undefined
    if (!writer || (dice < 0.2 && writers.length < 8)) await begin()
    else if (dice < 0.5) await write(writer)
    else if (dice < 0.6) await savepoint(writer)
    else if (dice < 0.75) await end(writer)
    else if (dice < 0.8 && prepared.length > 0) await decide()
    else await give(random.int(1, 4))
  }
  while (writers.length > 0) await end(random.pick(writers))
  while (prepared.length > 0) await decide()
  for (let quiet = 0; quiet < 2; ) quiet = (await give(random.int(1, 4))) === 0 ? quiet + 1 : 0
  return { written, pages }
}
