import type { Broker, Message, Topic } from '@commitcast/broker'
import { listParked, type ParkedEvent, runRelay, withoutToken } from '@commitcast/outbox'
import { type Logger, type Sql, silentLogger } from '@commitcast/worker'
import { expect } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import type { freshDatabase } from '../fixtures/fresh-database.ts'

export type Database = Awaited<ReturnType<typeof freshDatabase>>
export const schema = 'commitcast'
/** What the brokers of these tests take. An event is far below it, or far above. */
export const limit = 4_096

let apps = 0
export const freshApp = () => `parked-${process.pid}-${Date.now()}-${++apps}`

/** Appends so many events in one transaction; those whose number is in `large` exceed the limit. */
export async function append(database: Database, count: number, large: readonly number[] = [], key = "'k'") {
  await database.sql.query(
    `select commitcast.append('thing.made', ${key}, json_build_object('n', n, 'pad', repeat('x', case when n = any($2) then 10000 else 10 end)),
       '{"actor":"ada"}') from generate_series(1, $1::int) as n`,
    [count, large],
  )
}

export interface RelayUnderTest {
  readonly relay: ReturnType<typeof runRelay>
  stop(): Promise<void>
}

export function startRelay(
  { sql }: { sql: Sql },
  {
    broker,
    app,
    maxPage = 500,
    logger = silentLogger,
  }: { broker: Broker; app: string; maxPage?: number; logger?: Logger },
): RelayUnderTest {
  const stopping = new AbortController()
  const { signal } = stopping
  const relay = runRelay({ sql, broker, app, schema, signal, maxPage, logger, leaseTtlMs: 600, lostTailMs: 200 })
  return {
    relay,
    async stop() {
      stopping.abort()
      await relay.done
    },
  }
}

/** What is logged from warnings up, its words only. */
export function listeningLogger(): { readonly logger: Logger; readonly words: string[] } {
  const words: string[] = []
  const say = (_about: unknown, text: string) => void words.push(text)
  return { words, logger: Object.create(silentLogger, { warn: { value: say }, error: { value: say } }) as Logger }
}

export async function eventsTopic(broker: Broker, app: string, partitions = 1): Promise<Topic> {
  return broker.topic({ name: `${app}-events`, epoch: 1, partitions })
}

/** Waits until a partition ends at `end`, and reads all of it, without the relay's token. */
export async function readLog(topic: Topic, end: number, partition = 0): Promise<Message[]> {
  await eventually(async () => expect((await topic.last(partition))?.offset).toBe(end))
  const messages: Message[] = []
  for await (const batch of topic.read(partition, 0, { signal: AbortSignal.timeout(60_000) })) {
    messages.push(...batch.map(withoutToken))
    if (messages.length >= end) break
  }
  return messages
}

/** One line per message: its number, or that it is a placeholder. Offsets are checked to be gapless. */
export function told(messages: readonly Message[]): (number | 'placeholder')[] {
  expect(messages.map((message) => message.offset)).toEqual(messages.map((_, index) => index + 1))
  return messages.map(({ type, body, headers }) => {
    if (type === 'thing.made') return (JSON.parse(body) as { n: number }).n
    expect({ type, body, headers }).toEqual({
      type: 'commitcast.refused',
      body: '{"refused":"thing.made"}',
      headers: {},
    })
    return 'placeholder'
  })
}

/** The numbers from 1 to `count`, with placeholders for the large ones. */
export function expected(count: number, large: readonly number[]): (number | 'placeholder')[] {
  return Array.from({ length: count }, (_, index) => (large.includes(index + 1) ? 'placeholder' : index + 1))
}

export function parked(database: Database): Promise<ParkedEvent[]> {
  return listParked(database.sql, { schema, limit: 100_000 })
}

export async function notes(database: Database): Promise<number[]> {
  const rows = await database.sql.query<{ offset: number }>(
    'select "offset"::float8 as "offset" from commitcast.refused order by partition, "offset"',
  )
  return rows.map((row) => row.offset)
}
