import type { Event } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import { openPool } from '../open-pool.ts'
import { afterSaid, type Contender, initialRoom, type Room, said } from './contender.ts'

type Said = Event<'room.said', typeof said>

/** Emmett's event store on Postgres as its guide shows it, on a pool of the same size. */
export async function openEmmett(url: string, connections: number): Promise<Contender> {
  const pool = openPool(url, { max: connections })
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } })
  await store.schema.migrate()
  const evolve = (room: Room, { data }: Said) => afterSaid(room, data)
  return {
    append: (room, version, count) =>
      store.appendToStream<Said>(
        `room-${room}`,
        Array.from({ length: count }, () => ({ type: 'room.said', data: said })),
        { expectedStreamVersion: version === 0 ? 'STREAM_DOES_NOT_EXIST' : BigInt(version) },
      ),
    load: async (room) =>
      (await store.aggregateStream<Room, Said>(`room-${room}`, { evolve, initialState: initialRoom })).state.count,
    async close() {
      await store.close()
      await pool.end()
    },
  }
}
