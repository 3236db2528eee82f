import { readSkipped, skipEvent } from '@commitcast/outbox'
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { healthParts } from '../fixtures/health-parts.ts'
import { openCounters } from './open-counters.ts'

const schema = 'commitcast'
/** What SQL wrote: a version that no deployment will know. */
const headers = '{"version": "99"}'

test('readers wait at an event of a version that nobody knows, name the command, and continue behind it once it is run', async () => {
  await using counters = await openCounters({ partitions: 1 })
  const { cast, sql } = counters
  const handled: number[] = []
  const totals = cast.projection('totals', async (batch, trx) => counters.see(batch as never, trx as never))
  const mail = cast.handler('mail', { 'count.grown': ({ data }) => void handled.push(data.n) })
  const stopping = cast.handler('audit', { 'count.grown': () => {} }, { onFailure: { type: 'stop' } })
  const live = cast.live({ channels: () => ['all'] })
  const kinds: string[] = []
  const ending = new AbortController()
  await counters.grow(2, { keys: ['a'] })
  const [poison] = await sql.query<{ id: string }>(
    `select ${schema}.append('count.grown', 'a', '{"n": 3}', headers => $1) as id`,
    [headers],
  )
  const { id } = poison!
  counters.run([totals, mail, stopping, live as never], ['relay', 'stream', 'consume'])
  const follow = (async () => {
    const resolve = live.subscription({ channels: () => ['all'], authorize: 'everyone' })
    for await (const [, envelope] of resolve({ ctx: {}, input: {}, signal: ending.signal })) kinds.push(envelope.kind)
  })()
  await eventually(() => expect(kinds).toContain('live'))
  const reports = () => {
    const health = healthParts(cast.health())
    return ['stream', 'group totals', 'group mail', 'group audit'].map((name) => JSON.stringify(health[name]))
  }
  const command = `commitcast topic skip ${id}`
  await eventually(() => {
    for (const report of reports()) expect(report).toContain(command)
  })
  expect(JSON.stringify(cast.health().stream)).toContain('LIVE_MESSAGE_FAILED')
  await counters.grow(1, { keys: ['b'] })

  expect(await skipEvent(sql, { schema, id: '00000000-0000-0000-0000-000000000000' })).toBeUndefined()
  expect(await readSkipped(sql, schema)).toEqual(new Set())
  for (let times = 0; times < 2; times++) {
    expect(await skipEvent(sql, { schema, id })).toEqual({ type: 'count.grown', key: 'a' })
  }
  await eventually(async () => expect(await counters.seen()).toEqual({ a: [1, 2], b: [1] }))
  await eventually(() => expect(handled).toEqual([1, 2, 1]))
  await eventually(() => expect(kinds.slice(-2)).toEqual(['unreadable', 'event']))
  await eventually(() => {
    for (const name of ['stream', 'group totals', 'group mail', 'group audit']) {
      expect(healthParts(cast.health())[name]).toMatchObject({ ready: true })
    }
  })
  ending.abort()
  await follow
})
