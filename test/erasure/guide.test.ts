import { createDatabase } from '@commitcast/servers'
import { SubjectErased } from 'commitcast'
import { expect, inject, test, vi } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'

test('the code of the guide registers a customer, shows it to support, and erases it everywhere', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  vi.stubEnv('DATABASE_URL', database.url)
  const { cast, db, eraseCustomer, keysOf, register, supportEvents, work } = await import(
    '../snippets/erase-customer.ts'
  )
  const stopping = new AbortController()
  try {
    await db.schema
      .createTable('customers')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text')
      .addColumn('plan', 'text')
      .execute()
    await cast.migrate()
    const working = work(stopping.signal)
    const ada = { key: 'k1', customerId: 'c1', name: 'Ada', email: 'ada@example.org', plan: 'basic' }
    const seen = { support: [] as unknown[], wall: [] as unknown[] }
    const readings = (['support', 'wall'] as const).map(async (who) => {
      const call = { ctx: { isSupport: who === 'support' }, input: {}, signal: stopping.signal }
      const stream = supportEvents(call as never) as AsyncIterable<[string, { kind: string; event: { data: unknown } }]>
      for await (const [, { kind, event }] of stream) seen[who].push(kind === 'event' ? event.data : kind)
    })
    await eventually(() => expect(seen).toEqual({ support: ['live'], wall: ['live'] }))
    expect(await register(ada)).toEqual({ welcome: 'Hello, Ada.' })
    expect(await register(ada)).toEqual({ welcome: 'Hello, Ada.' })
    const customers = () => db.selectFrom('customers').selectAll().execute()
    await eventually(async () => expect(await customers()).toEqual([{ id: 'c1', name: 'Ada', plan: 'basic' }]))
    const erased = { '~erased': true }
    await eventually(() => {
      const { key: _, ...data } = ada
      expect(seen.support[1]).toEqual(data)
      expect(seen.wall[1]).toEqual({ customerId: 'c1', name: erased, email: erased, plan: 'basic' })
    })
    expect(await eraseCustomer('c1')).toBe(true)
    expect(await eraseCustomer('c1')).toBe(false)
    await eventually(async () => expect(await customers()).toEqual([{ id: 'c1', name: null, plan: 'basic' }]))
    await eventually(() => expect(seen.wall[2]).toEqual({ customerId: 'c1' }))
    await expect(register(ada)).rejects.toThrow(SubjectErased)
    stopping.abort()
    await Promise.all([working, ...readings])
  } finally {
    stopping.abort()
    await cast.close()
    await db.destroy()
    vi.unstubAllEnvs()
  }
  const service = { encrypt: async () => new Uint8Array(40), decrypt: async () => new Uint8Array(32) }
  expect(await keysOf(service, 'k').unwrap(new Uint8Array(40), 'c1')).toHaveLength(32)
})
