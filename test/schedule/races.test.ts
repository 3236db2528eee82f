import { describe, expect, test } from 'vitest'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import {
  appended,
  fire,
  fireText,
  isBlocked,
  openTransaction,
  reminder,
  schedule,
  unschedule,
  waiting,
} from './scheduled.ts'

const past = new Date(0)

describe('cancelling and firing at once', () => {
  test('firing came first: cancelling waits for it, and says that the event was gone', async () => {
    await using database = await due()
    await using firing = await openTransaction(database)
    await using writer = await openTransaction(database)
    expect((await firing.client.query(fireText)).rows).toEqual([{ fired: 1 }])
    const cancelled = unschedule(writer.client, 'remind')
    await isBlocked(database, writer.pid)
    await firing.client.query('commit')
    expect(await cancelled).toBe(false)
    await writer.client.query('commit')
    expect(await appended(database)).toEqual([1])
  })

  test('firing came first and failed: the event is cancelled', async () => {
    await using database = await due()
    await using firing = await openTransaction(database)
    await using writer = await openTransaction(database)
    await firing.client.query(fireText)
    const cancelled = unschedule(writer.client, 'remind')
    await isBlocked(database, writer.pid)
    await firing.client.query('rollback')
    expect(await cancelled).toBe(true)
    await writer.client.query('commit')
    expect(await fire(database)).toBe(0)
    expect(await appended(database)).toEqual([])
  })

  test.each(['commit', 'rollback'])(
    'cancelling came first: firing passes the event over, until the %s decides',
    async (end) => {
      await using database = await due()
      await using writer = await openTransaction(database)
      expect(await unschedule(writer.client, 'remind')).toBe(true)
      expect(await fire(database)).toBe(0)
      await writer.client.query(end)
      expect(await fire(database)).toBe(end === 'commit' ? 0 : 1)
      expect(await appended(database)).toEqual(end === 'commit' ? [] : [1])
    },
  )
})

describe('replacing and firing at once', () => {
  test('firing came first: both events exist, the second at its own time', async () => {
    await using database = await due()
    await using firing = await openTransaction(database)
    await using writer = await openTransaction(database)
    await firing.client.query(fireText)
    const replaced = schedule(writer.client, { name: 'remind', at: inAnHour(), event: reminder(2) })
    await isBlocked(database, writer.pid)
    await firing.client.query('commit')
    await replaced
    await writer.client.query('commit')
    expect(await appended(database)).toEqual([1])
    expect(await waiting(database)).toEqual(['remind 2'])
  })

  test('replacing came first: only the second event fires', async () => {
    await using database = await due()
    await using writer = await openTransaction(database)
    await schedule(writer.client, { name: 'remind', at: past, event: reminder(2) })
    expect(await fire(database)).toBe(0)
    await writer.client.query('commit')
    expect(await fire(database)).toBe(1)
    expect(await appended(database)).toEqual([2])
  })

  test('an event that is put off while it is being looked at does not fire', async () => {
    await using database = await due()
    await fire(database)
    await using writer = await openTransaction(database)
    for (let round = 0; round < 50; round++) {
      await schedule(writer.client, { name: 'remind', at: past, event: reminder(2) })
      await writer.client.query('commit; begin')
      await schedule(writer.client, { name: 'remind', at: inAnHour(), event: reminder(3) })
      const [fired] = await Promise.all([fire(database), writer.client.query('commit; begin')])
      expect(fired).toBe(0)
    }
    expect(await waiting(database)).toEqual(['remind 3'])
    expect(await appended(database)).toEqual([1])
  })
})

test('two firings at once append each event once, and one of them waits for no one', async () => {
  await using database = await due()
  await using firing = await openTransaction(database)
  await firing.client.query(fireText)
  expect(await fire(database)).toBe(0)
  await firing.client.query('commit')
  expect(await fire(database)).toBe(0)
  expect(await appended(database)).toEqual([1])
})

const inAnHour = () => new Date(Date.now() + 3_600_000)

/** One event, `remind`, is due. */
async function due() {
  const database = await freshDatabase()
  await database.db.transaction().execute((trx) => schedule(trx, { name: 'remind', at: past, event: reminder(1) }))
  return database
}
