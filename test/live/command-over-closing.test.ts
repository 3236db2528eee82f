import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryBroker } from '@commitcast/broker/memory'
import { commandLink } from '@commitcast/client'
import { liveSockets } from '@commitcast/live'
import { createTRPCClient, createWSClient, retryLink, wsLink } from '@trpc/client'
import { initTRPC } from '@trpc/server'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { causationOf, commands, createCommitcast, defineEvents } from 'commitcast'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({ 'note.written': { data: z.object({ text: z.string() }) } })

test('a command under way when its socket is closed with 4401 is asked for again with its key, done once, and answered', async () => {
  await using database = await freshDatabase({ partitions: 1 })
  const { db, sql, url: listenTo } = database
  const cast = createCommitcast({ app: 'notes', events, db, broker: memoryBroker(), listenTo })
  const live = cast.live({ channels: () => ['notes'] })
  const t = initTRPC.create()
  const [asked, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let asks = 0
  let isOver = false
  const router = t.router({
    notes: t.procedure.subscription(
      live.subscription({ channels: () => ['notes'], authorize: () => new Date(Date.now() + (isOver ? -1 : 50)) }),
    ),
    write: t.procedure
      .concat(commands)
      .input(z.object({ text: z.string() }))
      .mutation(({ ctx: { command }, input: { text } }) =>
        db.transaction().execute((trx) =>
          cast.once(trx, { ...command, caller: 'ada' }, async () => {
            asks++
            await cast.append(trx, { type: 'note.written', key: 'book', data: { text }, headers: causationOf(command) })
            asked.resolve()
            await mayGoOn.promise
            return { written: text }
          }),
        ),
      ),
  })
  const http = createServer()
  const wss = new WebSocketServer({ server: http })
  applyWSSHandler(liveSockets({ wss, router }))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')

  const closings: unknown[] = []
  const socket = createWSClient({
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    onClose(cause) {
      closings.push(cause?.code)
      isOver = false
    },
  })
  const trpc = createTRPCClient<typeof router>({
    links: [
      commandLink(),
      retryLink({ retry: ({ op, error, attempts }) => op.type === 'mutation' && !error.data && attempts < 20 }),
      wsLink({ client: socket }),
    ],
  })
  const kinds: string[] = []
  trpc.notes.subscribe(undefined, { onData: ({ data }) => kinds.push(data.kind) })
  await eventually(() => expect(kinds).toContain('live'))

  const answer = trpc.write.mutate({ text: 'hello' })
  await asked.promise
  isOver = true
  await eventually(() => expect(closings).toContain(4401))
  mayGoOn.resolve()
  expect(await answer).toEqual({ written: 'hello' })
  expect(asks).toBe(1)
  const rows = await sql.query<{ count: number }>('select count(*)::int as count from commitcast.outbox')
  expect(rows[0]?.count).toBe(1)

  await socket.close()
  for (const client of wss.clients) client.terminate()
  wss.close()
  http.close()
  await cast.close()
})
