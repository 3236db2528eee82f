import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryBroker } from '@commitcast/broker/memory'
import { postgresBroker } from '@commitcast/broker/postgres'
import { createDatabase } from '@commitcast/servers'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { createCommitcast, defineEvents, defineHints, liveSockets } from 'commitcast'
import { expect, inject, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

test('two who follow a room see who is typing, as the guide says, over Postgres', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  vi.stubEnv('DATABASE_URL', database.url)
  const { cast, router } = await import('../snippets/typing-server.ts')
  const { watchTyping } = await import('../snippets/typing-client.ts')
  const { db } = await import('../snippets/shop-database.ts')
  await cast.migrate()
  const http = createServer()
  const wss = new WebSocketServer({ server: http })
  let users = 0
  applyWSSHandler(
    liveSockets({
      wss,
      router,
      createContext: () => {
        const name = ['Ann', 'Bob'][users++]!
        return { userId: name.toLowerCase(), name }
      },
    }),
  )
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
  try {
    const seen: (readonly string[])[] = [[], []]
    const ann = watchTyping(url, 'lobby', (names) => (seen[0] = names))
    await eventually(async () => {
      expect(await ann.sayTyping()).toBe(true)
      expect(seen[0]).toEqual(['Ann'])
    })
    const bob = watchTyping(url, 'lobby', (names) => (seen[1] = names))
    await eventually(async () => {
      await Promise.all([ann.sayTyping(), bob.sayTyping()])
      expect(seen.map((names) => names.toSorted())).toEqual([
        ['Ann', 'Bob'],
        ['Ann', 'Bob'],
      ])
    })
    await eventually(() => expect(seen).toEqual([[], []]))
    for (const page of [ann, bob]) {
      page.stop()
      await page.close()
    }
  } finally {
    for (const client of wss.clients) client.terminate()
    wss.close()
    http.close()
    await cast.close()
    await db.destroy()
    vi.unstubAllEnvs()
  }
})

const events = defineEvents({ 'note.written': { data: z.object({}) } })
const hints = defineHints({ here: z.object({}) })

test('a sender has so many a second; what is wrong with a hint is said to its sender', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const cast = createCommitcast({
    app: 'notes',
    events,
    hints,
    hintsPerSecond: 2,
    db: database.db,
    broker: memoryBroker(),
  })
  const send = (sender: string) => cast.hint({ channel: 'page', type: 'here', sender, data: {} })
  expect(await Promise.all([send('ann'), send('ann'), send('ann'), send('bob')])).toEqual([true, true, false, true])
  // @ts-expect-error: nobody declared it.
  await expect(cast.hint({ channel: 'page', type: 'gone', sender: 'ann', data: {} })).rejects.toThrow(
    /"gone" is not in/,
  )
  await cast.close()
  expect(await send('cid')).toBe(false)
})

test('where hints can not be had, that is said at the start', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const pooled = postgresBroker({ connectionString: database.url, listen: false })
  const parts = { app: 'notes', events, db: database.db }
  expect(() => createCommitcast({ ...parts, hints, broker: pooled })).toThrow(/postgres broker has no hints .* LISTEN/)
  expect(() => createCommitcast({ ...parts, hints, hintsPerSecond: 0, broker: memoryBroker() })).toThrow(
    /hintsPerSecond is 0/,
  )
  const without = createCommitcast({ ...parts, broker: pooled })
  // @ts-expect-error: this app has none.
  await expect(without.hint({ channel: 'page', type: 'here', sender: 'ann', data: {} })).rejects.toThrow(/defineHints/)
  await without.close()
})
