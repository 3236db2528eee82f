import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryBroker } from '@commitcast/broker/memory'
import { causedBy, commandContext, commandLink, liveConnection } from '@commitcast/client'
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpLink,
  retryLink,
  type TRPCLink,
  wsLink,
} from '@trpc/client'
import { initTRPC } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { causationOf, commands, createCommitcast, defineEvents } from 'commitcast'
import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const events = defineEvents({ bought: { data: z.object({ at: z.date() }) } })
const t = initTRPC.create({ transformer: superjson })
const command = t.procedure.concat(commands)

/** A shop whose commands are done once, served over HTTP and WebSocket; `fail` cuts off the next answers. */
async function openShop() {
  const database = await freshDatabase()
  const cast = createCommitcast({ app: 'shop', events, db: database.db, broker: memoryBroker() })
  let cuts = 0
  const router = t.router({
    buy: command.input(z.strictObject({ bookId: z.number(), at: z.date() })).mutation(({ ctx, input }) =>
      database.db
        .transaction()
        .execute((trx) =>
          cast.once(trx, { ...ctx.command, caller: 'ada' }, async () => {
            const headers = causationOf(ctx.command)
            const [id] = await cast.append(trx, { type: 'bought', key: 'k', data: { at: input.at }, headers })
            return { id, at: input.at, bookId: input.bookId }
          }),
        )
        .finally(() => {
          if (cuts-- > 0) cut()
        }),
    ),
    echo: command.input(z.union([z.number(), z.undefined(), z.strictObject({})])).mutation(({ input }) => ({ input })),
    ids: command.mutation(({ ctx }) => ctx.command),
  })
  const answer = createHTTPHandler({ router, basePath: '/trpc/' })
  const http = createServer(answer)
  const sockets = new WebSocketServer({ server: http })
  applyWSSHandler({ wss: sockets, router })
  const cut = () => {
    http.closeAllConnections()
    for (const socket of sockets.clients) socket.terminate()
  }
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(http.address() as AddressInfo).port}`
  const clients: { close(): void }[] = []
  return {
    router,
    sql: database.sql,
    cutNext(answers: number) {
      cuts = answers
    },
    client(over: Over, links: TRPCLink<typeof router>[]) {
      const url = `http://${address}/trpc`
      const options = { url, transformer: superjson }
      if (over === 'HTTP') return createTRPCClient<typeof router>({ links: [...links, httpLink(options)] })
      if (over === 'HTTP in batches')
        return createTRPCClient<typeof router>({ links: [...links, httpBatchLink(options)] })
      const socket = createWSClient(liveConnection({ url: `ws://${address}`, retryDelayMs: () => 20 }))
      clients.push(socket)
      return createTRPCClient<typeof router>({ links: [...links, wsLink({ client: socket, transformer: superjson })] })
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close()
      cut()
      sockets.close()
      http.close()
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

type Over = 'HTTP' | 'HTTP in batches' | 'WebSocket'
const ways: readonly Over[] = ['HTTP', 'HTTP in batches', 'WebSocket']
const at = new Date(5)

describe.each(ways)('over %s', (over) => {
  test('a command whose answer was lost is sent again, done once and answered', async () => {
    await using shop = await openShop()
    let tries = 0
    const retry = retryLink({
      retry({ error, attempts }) {
        tries = attempts + 1
        return !error.data && attempts < 10
      },
      retryDelayMs: () => 20,
    })
    const client = shop.client(over, [commandLink(), retry as never])
    shop.cutNext(3)
    const bought = await client.buy.mutate({ bookId: 1, at })
    expect(bought).toEqual({ id: expect.any(String), at, bookId: 1 })
    const written = await shop.sql.query<{ id: string }>('select id from commitcast.outbox')
    expect(written).toEqual([{ id: bought.id }])
    expect(tries).toBe(4)
  })

  test('its events name it, and it names the event that led to it', async () => {
    await using shop = await openShop()
    const client = shop.client(over, [commandLink()])
    await client.buy.mutate({ bookId: 1, at }, { context: causedBy({ id: 'event-1' }) })
    expect(
      await shop.sql.query(`select caused_by, headers->>'causation' = answer.id and headers->>'correlation' = answer.id as ours
        from commitcast.outbox, commitcast.answer`),
    ).toEqual([{ caused_by: 'event-1', ours: true }])
  })

  test('two calls at once are two commands', async () => {
    await using shop = await openShop()
    const client = shop.client(over, [commandLink()])
    await Promise.all([1, 1, 1].map((bookId) => client.buy.mutate({ bookId, at })))
    expect(await shop.sql.query('select from commitcast.outbox')).toHaveLength(3)
  })

  test('a key that comes back with another input or procedure is a conflict, and bad ids are a bad request', async () => {
    await using shop = await openShop()
    const client = shop.client(over, [commandLink()])
    const context = commandContext({ key: 'k' })
    const again = [1, 1].map((bookId) => client.buy.mutate({ bookId, at }, { context }))
    expect(new Set((await Promise.all(again)).map(({ id }) => id)).size).toBe(1)
    await expect(client.buy.mutate({ bookId: 2, at }, { context })).rejects.toMatchObject({
      data: { code: 'CONFLICT' },
    })
    const bad = client.buy.mutate({ bookId: 1, at }, { context: commandContext({ key: 'two words' }) })
    await expect(bad).rejects.toMatchObject({ data: { code: 'BAD_REQUEST' } })
  })

  test('inputs arrive as they were, also none, plain values and with strict schemas', async () => {
    await using shop = await openShop()
    const client = shop.client(over, [commandLink()])
    expect(await Promise.all([client.echo.mutate(5), client.echo.mutate(undefined), client.echo.mutate({})])).toEqual([
      { input: 5 },
      { input: undefined },
      { input: {} },
    ])
  })

  test('a client without the link is served, each call as a command of its own', async () => {
    await using shop = await openShop()
    const client = shop.client(over, [])
    await client.buy.mutate({ bookId: 1, at })
    await client.buy.mutate({ bookId: 1, at })
    expect(await shop.sql.query('select from commitcast.outbox')).toHaveLength(2)
    const { id, ...ids } = await client.ids.mutate()
    expect(ids).toEqual({ correlationId: id })
  })
})
