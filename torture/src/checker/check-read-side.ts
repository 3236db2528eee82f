import { readFile } from 'node:fs/promises'
import type pg from 'pg'
import type { BrokerLog, Found } from './broker-log.ts'
import { checkChains, type ReadModel } from './check-chains.ts'
import { checkEffects } from './check-effects.ts'
import { checkLive, type LookUpTables } from './check-live.ts'
import type { LedgerRow } from './check-log.ts'
import type { LiveReader } from './live-reader.ts'
import { readEverything } from './read-everything.ts'

/** What follows the events. */
export interface ReadSide {
  /** The live topic. */
  readonly log: BrokerLog
  readonly reader: LiveReader
  /** The file that the handler's effects went to. */
  readonly effectsPath: string
}

/** What is wrong there, and how often what happened; all zeros but the last three where nothing is. */
export interface ReadSideVerdict {
  readonly live: { readonly lost: number; readonly duplicated: number; readonly outOfOrder: number }
  /** Keys whose chain is another one, and events that did not lead to exactly one event of the projection's. */
  readonly projectionDrift: number
  /** Events that the handler did not get, or only after a later one of their key. */
  readonly handlerMissed: number
  /** Effects that were done again. */
  readonly handlerRepeated: number
  /** How often a lost tail of the live topic came back. */
  readonly liveRefilled: number
  /** Terms of the leases beyond the first of each partition, by group. */
  readonly groupTakeovers: Readonly<Record<string, number>>
}

interface Truth {
  readonly database: pg.Pool
  readonly ledger: readonly LedgerRow[]
  /** What is stored, by partition. */
  readonly events: readonly (readonly Found[])[]
}

const maxExamples = 5

/** Holds live topic, projection and effects against the events as they are stored, and the effects against the ledger. */
export async function checkReadSide(
  { log, reader, effectsPath }: ReadSide,
  { database, ledger, events }: Truth,
): Promise<ReadSideVerdict & { readonly examples: readonly string[] }> {
  const live: Found[][] = []
  for (const partition of events.keys()) live.push(await readEverything(log, partition))
  const seen = events.map((_, partition) => reader.seen(partition))
  const told = checkLive({ events, live, seen, changed: reader.changed, tables: await readTables(database) })
  const drift = checkChains(events, await readModel(database))
  const effects = checkEffects(ledger, (await readFile(effectsPath, 'utf8')).split('\n'))
  const wrong = { ...told, drift, missed: effects.missed, parked: await readParked(database) }
  return {
    live: { lost: told.lost.length, duplicated: told.duplicated.length, outOfOrder: told.outOfOrder.length },
    projectionDrift: drift.length,
    handlerMissed: effects.missed.length,
    handlerRepeated: effects.repeated,
    liveRefilled: reader.refills,
    groupTakeovers: await readTakeovers(database),
    examples: Object.entries(wrong).flatMap(([kind, all]) =>
      all.slice(0, maxExamples).map((words) => `${kind}: ${words}`),
    ),
  }
}

async function readTables(database: pg.Pool): Promise<LookUpTables> {
  const { rows: owners } = await database.query<{ id: string; rank: number }>('select id, rank from torture.owner')
  const { rows: tints } = await database.query<{ id: number; name: string }>('select id, name from torture.tint')
  return {
    owner: new Map(owners.map(({ id, rank }) => [id, rank])),
    tint: new Map(tints.map(({ id, name }) => [id, { name }])),
  }
}

async function readModel(database: pg.Pool): Promise<ReadModel> {
  const { rows: chains } = await database.query<ReadModel['chains'][number]>('select * from torture.chain')
  const { rows: derived } = await database.query<ReadModel['derived'][number]>('select cause, id from torture.derived')
  return { chains, derived }
}

/** What was parked explains what is missing: nothing is to be. */
async function readParked(database: pg.Pool): Promise<string[]> {
  const { rows } = await database.query<{ grp: string; event_id: string; reason: string }>(
    'select grp, event_id, reason from commitcast.parked order by attempts desc limit 5',
  )
  return rows.map(({ grp, event_id, reason }) => `by ${grp}, event ${event_id}: ${reason}`)
}

async function readTakeovers(database: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await database.query<{ grp: string; takeovers: number }>(
    `select grp, sum(greatest(term - 1, 0))::int as takeovers from commitcast.lease
     where grp <> 'relay' group by grp order by grp`,
  )
  return Object.fromEntries(rows.map(({ grp, takeovers }) => [grp, takeovers]))
}
