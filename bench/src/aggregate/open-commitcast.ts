import { createCommitcast, defineEvents } from 'commitcast'
import { memoryBroker } from 'commitcast/testing'
import { Kysely, PostgresDialect } from 'kysely'
import { z } from 'zod'
import { openPool } from '../open-pool.ts'
import { afterSaid, type Contender, initialRoom, said } from './contender.ts'

const events = defineEvents({ 'room.said': { data: z.object({ author: z.string(), text: z.string() }) } })

/** Aggregates with their defaults, over a Kysely instance. No relay runs; the events lie in the outbox, too. */
export async function openCommitcast(url: string, connections: number): Promise<Contender> {
  const pool = openPool(url, { max: connections })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const cast = createCommitcast({ app: 'bench', events, db, broker: memoryBroker() })
  await cast.migrate()
  const room = cast.aggregate('room', {
    initial: initialRoom,
    evolve: { 'room.said': (state, { data }) => afterSaid(state, data) },
  })
  return {
    append: (key, expectedVersion, count) =>
      room.append(
        db,
        key,
        Array.from({ length: count }, () => ({ type: 'room.said', data: said }) as const),
        { expectedVersion },
      ),
    load: async (key) => (await room.load(db, key)).state.count,
    async close() {
      await cast.close()
      await db.destroy()
    },
  }
}
