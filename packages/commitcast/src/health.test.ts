import { expect, test } from 'vitest'
import { createParts, readHealth } from './health.ts'
import { startHealthServer } from './process/health-server.ts'

test('a cast is ready while all of its parts and groups are, and has each group by its name', () => {
  const parts = createParts()
  expect(readHealth(parts)).toEqual({ ready: true, groups: {} })
  parts.own.set('relay', () => ({ ready: true, partitions: [0] }))
  parts.groups.set('ready', () => ({ ready: true, parked: 2 }))
  expect(readHealth(parts)).toEqual({
    ready: true,
    relay: { ready: true, partitions: [0] },
    groups: { ready: { ready: true, parked: 2 } },
  })
  parts.groups.set('mail', () => ({ ready: false, parked: 0 }))
  expect(readHealth(parts)).toMatchObject({ ready: false, groups: { ready: { parked: 2 }, mail: { ready: false } } })
})

test('the health server answers 503 where a group is not ready, also one that is called "ready"', async () => {
  const parts = createParts()
  const server = await startHealthServer(() => readHealth(parts), { port: 0, host: '127.0.0.1' })
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/health`)
    return [response.status, await response.json()]
  }
  expect(await ask()).toEqual([200, { ready: true, groups: {} }])
  parts.groups.set('ready', () => ({ ready: false, parked: 0 }))
  expect(await ask()).toEqual([503, { ready: false, groups: { ready: { ready: false, parked: 0 } } }])
  parts.groups.set('ready', () => ({ ready: true, parked: 0 }))
  parts.own.set('hub', () => ({ ready: false }))
  expect((await ask())[0]).toBe(503)
  await server.close()
})
