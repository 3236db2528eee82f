import { memoryBroker } from '@commitcast/broker/memory'
import { createCommitcast, defineEvents, defineHints } from 'commitcast'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'
import { noteLog } from '../fixtures/note-log.ts'

const events = defineEvents({ 'order.placed': { data: z.object({ id: z.number() }) } })
const hints = defineHints({ typing: z.object({}) })

/** An app with its workers, until the block ends. */
async function openApp(channels: (event: { readonly data: { readonly id: number } }) => unknown) {
  const database = await freshDatabase({ partitions: 1 })
  const { lines, logger } = noteLog()
  const cast = createCommitcast({ app: 'shop', events, hints, db: database.db, broker: memoryBroker(), logger })
  const live = cast.live({ channels: channels as () => readonly string[] })
  const stopping = new AbortController()
  const running = cast.run({ roles: ['relay', 'stream'], use: [live], signal: stopping.signal })
  return {
    ...{ cast, live, lines },
    place: (id: number) =>
      database.db.transaction().execute((trx) => cast.append(trx, { type: 'order.placed', key: 'k', data: { id } })),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await cast.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

test.each([
  ['a number', ({ data }: { data: { id: number } }) => [data.id], 'gave the number 42 as a channel'],
  ['undefined', () => undefined, 'gave undefined'],
  ['an empty text', () => [''], 'gave "" as a channel'],
])(
  '%s as a channel of an event halts its partition, and the health says what was given',
  async (_, channels, words) => {
    await using app = await openApp(channels)
    await app.place(42)
    await eventually(() =>
      expect(app.cast.health().stream).toMatchObject({
        ready: false,
        codes: { 0: 'LIVE_MESSAGE_FAILED' },
        troubles: { 0: expect.stringContaining(words) },
      }),
    )
    expect(app.lines.filter((line) => line === 'warn live: partition waits')).toHaveLength(1)
  },
)

test('a number as a channel of a subscription fails it at once, and is logged once', async () => {
  await using app = await openApp(() => ['orders'])
  const follow = app.live.subscription({
    channels: (({ input }: { input: number }) => [input]) as never,
    authorize: 'everyone',
  })
  for (const input of [1, 2, 3]) {
    const { signal } = new AbortController()
    const stream = follow({ ctx: {}, input, signal } as never)[Symbol.asyncIterator]()
    await expect(stream.next()).rejects.toThrow(`channels() of a subscription gave the number ${input} as a channel`)
  }
  expect(app.lines.filter((line) => line.includes('a subscription fails'))).toEqual(['warn a subscription fails'])
})

test('a hint needs a channel and a sender that are texts', async () => {
  await using app = await openApp(() => ['orders'])
  const hint = (given: object) => app.cast.hint({ type: 'typing', channel: 'room', sender: 'ann', data: {}, ...given })
  await expect(hint({ channel: 42 })).rejects.toThrow('cast.hint() gave the number 42 as a channel')
  await expect(hint({ sender: 7 })).rejects.toThrow('"sender" is 7')
  await expect(hint({})).resolves.toBe(true)
})
