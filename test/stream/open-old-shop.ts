import type { Broker, Topic } from '@commitcast/broker'
import { offsetsOf, readUntil } from '@commitcast/broker/contract'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { natsBroker } from '@commitcast/broker/nats'
import { postgresBroker } from '@commitcast/broker/postgres'
import { retireEvents, sqlOf, surviveErrors } from '@commitcast/outbox'
import { createDatabase } from '@commitcast/servers'
import { type Logger, silentLogger } from '@commitcast/worker'
import { createCommitcast, defineEvents, type Role } from 'commitcast'
import { connect } from 'nats'
import pg from 'pg'
import { expect, inject } from 'vitest'
import { z } from 'zod'
import { eventually } from '../fixtures/eventually.ts'
import { all, oldDays, segmentOf, write } from '../outbox/old-days.ts'

const events = defineEvents({ 'thing.done': { data: z.unknown() } })
const shape = { epoch: 1, partitions: 1 }

/** A server of one kind, brokers on it, and what an operator does there to a log. */
export interface BrokerServer {
  open(): Broker
  /** Deletes a log: as a whole on NATS, by its rows on Postgres. */
  drop(topic: string): Promise<void>
  /** Takes all messages of a log, which still ends where it ended. Left out where that can't be done. */
  readonly purge?: (topic: string) => Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export const brokerServers: Record<'memory' | 'nats' | 'postgres', () => Promise<BrokerServer>> = {
  async memory() {
    const storage: MemoryStorage = new Map()
    const logOf = (topic: string) => storage.get(`${topic}-1_0`)!
    return {
      open: () => memoryBroker(storage),
      async drop(topic) {
        Object.assign(logOf(topic), { forgotten: 0 }).messages.length = 0
      },
      async purge(topic) {
        const log = logOf(topic)
        log.forgotten += log.messages.splice(0).length
      },
      async [Symbol.asyncDispose]() {},
    }
  },
  async nats() {
    const servers = inject('natsUrl')
    const nc = await connect({ servers })
    const { streams } = await nc.jetstreamManager()
    return {
      open: () => natsBroker({ servers }),
      drop: async (topic) => void (await streams.delete(`${topic}-1_0`)),
      purge: async (topic) => void (await streams.purge(`${topic}-1_0`)),
      [Symbol.asyncDispose]: () => nc.close(),
    }
  },
  async postgres() {
    const database = await createDatabase(inject('postgresUrl'))
    const pool = surviveErrors(new pg.Pool({ connectionString: database.url }))
    return {
      open: () => postgresBroker({ connectionString: database.url }),
      drop: async (topic) => void (await pool.query('delete from commitcast_broker.message where topic = $1', [topic])),
      async [Symbol.asyncDispose]() {
        await pool.end()
        await database[Symbol.asyncDispose]()
      },
    }
  },
}

/** What a worker logs. */
type Entry = Record<string, unknown>

/** An outbox of one partition with events of nine days ago, and workers and clients on any broker. All end with the block. */
export async function openOldShop() {
  const database = await oldDays([9])
  await database.sql.query('create table seen (number bigint generated always as identity, n int, id text)')
  const app = `shop-${crypto.randomUUID()}`
  const entries: Entry[] = []
  const ending = new Set<() => Promise<void>>()

  return {
    ...database,
    app,
    /** What workers logged. */
    entries,
    /** The first offsets of logs that did not begin at 1, by topic. */
    beginnings: () =>
      entries.flatMap(({ code, topic, first }) => (code === 'LOG_BEGINS_LATER' ? [`${topic} ${first}`] : [])),
    write: (daysAgo: number, count: number) => write(database, daysAgo, count),
    async retire() {
      expect((await retireEvents(database.sql, { storedUpTo: all })).segments).toEqual([segmentOf(9)])
    },
    /** The ids of what the projection has seen, by offset. */
    async seen(): Promise<readonly number[]> {
      const rows = await database.sql.query<{ n: number }>('select n from seen order by number')
      return rows.map(({ n }) => n)
    },
    /** Runs an app in this process on a broker, until it is stopped. */
    async run(server: BrokerServer, roles: readonly Role[]) {
      const broker = server.open()
      const cast = createCommitcast({
        ...{ app, events, db: database.db, broker, listenTo: database.url },
        retentionMs: Number.POSITIVE_INFINITY,
        logger: loggerInto(entries),
      })
      const live = cast.live({ channels: () => ['all'] })
      const seen = cast.projection('seen', async (batch, trx) => {
        for (const { offset, id } of batch) {
          await sqlOf(trx).query('insert into seen (n, id) values ($1, $2)', [offset, id])
        }
      })
      const stopping = new AbortController()
      const use = [...(roles.includes('stream') ? [live] : []), ...(roles.includes('consume') ? [seen] : [])]
      const running = cast.run({ roles, use, signal: stopping.signal })
      const topicOf = (name: 'events' | 'live'): Promise<Topic> => broker.topic({ name: `${app}-${name}`, ...shape })
      const stop = async () => {
        if (!ending.delete(stop)) return
        stopping.abort()
        await running
        await cast.close()
        await broker.close()
      }
      ending.add(stop)
      return {
        stop,
        health: () => cast.health(),
        /** The offsets that a log has, once it ends at `end`. */
        async offsets(name: 'events' | 'live', end: number): Promise<readonly number[]> {
          await eventually(
            async () => expect((await (await topicOf(name)).last(0))?.offset, JSON.stringify(cast.health())).toBe(end),
            // A relay looks at a halted partition again after 30 s.
            90_000,
          )
          const topic = await topicOf(name)
          return offsetsOf(await readUntil(topic, { after: (await topic.first(0)) - 1, until: end }))
        },
        /** A client that comes with a cursor, or without. */
        follow(lastEventId?: string) {
          const leaving = new AbortController()
          const heard = { offsets: [] as number[], kinds: [] as string[], cursors: new Map<number, string>() }
          const query = live.subscription({ channels: () => ['all'], authorize: 'everyone' })
          const input = lastEventId === undefined ? {} : { lastEventId }
          const done = (async () => {
            for await (const [cursor, envelope] of query({ ctx: {}, input, signal: leaving.signal })) {
              heard.kinds.push(envelope.kind === 'resync' ? `resync: ${envelope.reason}` : envelope.kind)
              if (envelope.kind !== 'event') continue
              heard.offsets.push(envelope.event.offset)
              heard.cursors.set(envelope.event.offset, cursor)
            }
          })()
          // A node that goes away ends it with an error, as its client's connection.
          const left = done.catch((error: unknown) => {
            if ((error as { code?: unknown }).code !== 'MOVING_AWAY') throw error
          })
          const leave = async () => {
            if (!ending.delete(leave)) return
            leaving.abort()
            await left
          }
          ending.add(leave)
          return { ...heard, leave }
        },
      }
    },
    async [Symbol.asyncDispose]() {
      for (const end of [...ending].reverse()) await end()
      await database[Symbol.asyncDispose]()
    },
  }
}

function loggerInto(entries: Entry[]): Logger {
  const value = (fields: object, msg?: string) => void entries.push({ ...fields, msg })
  return Object.create(silentLogger, { warn: { value }, error: { value } }) as Logger
}
