import { readFile } from 'node:fs/promises'
import type pg from 'pg'
import { poisonKey } from '../read-side/read-side-story.ts'
import { checkChains, type ReadModel } from './check-chains.ts'
import { checkEffects } from './check-effects.ts'
import type { LookUpTables } from './check-live.ts'
import { checkLiveEpochs, type LiveEpochs } from './check-live-epochs.ts'
import type { LedgerRow } from './check-log.ts'

/** The files that the handlers' effects went to. */
export interface Effects {
  /** Of the handler of all events. */
  readonly path: string
  /** Of the one that calls a webhook for each event that the projection appended. */
  readonly calledPath: string
}

/** What is wrong there, and how often what happened; all zeros but what is allowed where nothing is. */
export interface ReadSideVerdict {
  readonly live: { readonly lost: number; readonly duplicated: number; readonly outOfOrder: number }
  /** Keys whose chain is another one, and events that did not lead to exactly one event of the projection's. */
  readonly projectionDrift: number
  /** Events that the handler did not get, or only after a later one of their key. */
  readonly handlerMissed: number
  /** Effects that were done again. */
  readonly handlerRepeated: number
  /** The same of the handler that calls a webhook. */
  readonly webhookMissed: number
  readonly webhookRepeated: number
  /** How often a lost tail of the live topic came back. */
  readonly liveRefilled: number
  /** Terms of the leases beyond the first of each partition, by group. */
  readonly groupTakeovers: Readonly<Record<string, number>>
}

interface ReadSide extends LiveEpochs {
  readonly database: pg.Pool
  readonly ledger: readonly LedgerRow[]
  /** Events that the projection does not count: poison, and those of purchases. */
  readonly unnumbered: ReadonlySet<string>
  readonly effects: Effects
}

const maxExamples = 5

/** Holds live topic, projection and effects against the events as they are stored, and the effects against the ledger. */
export async function checkReadSide(
  readSide: ReadSide,
): Promise<ReadSideVerdict & { readonly examples: readonly string[] }> {
  const { database, ledger, unnumbered, effects, events, readers } = readSide
  const told = checkLiveEpochs(readSide, await readTables(database))
  const model = await readModel(database)
  const stored = events
    .flatMap(({ partitions }) => partitions)
    .map((messages) => messages.filter(({ id }) => !unnumbered.has(id)))
  const drift = checkChains(stored, model)
  const derived = new Set(model.derived.map(({ id }) => id))
  const due = ledger.filter(({ id }) => derived.has(id))
  const done = checkEffects(ledger, await linesOf(effects.path))
  const called = checkEffects(due, await linesOf(effects.calledPath))
  const missed = [...done.missed, ...called.missed]
  const wrong = { ...told, drift, missed, parked: await readParked(database) }
  return {
    live: { lost: told.lost.length, duplicated: told.duplicated.length, outOfOrder: told.outOfOrder.length },
    projectionDrift: drift.length,
    handlerMissed: done.missed.length,
    handlerRepeated: done.repeated,
    webhookMissed: called.missed.length,
    webhookRepeated: called.repeated,
    liveRefilled: readers.reduce((total, { refills }) => total + refills, 0),
    groupTakeovers: await readTakeovers(database),
    examples: Object.entries(wrong).flatMap(([kind, all]) =>
      all.slice(0, maxExamples).map((words) => `${kind}: ${words}`),
    ),
  }
}

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split('\n')
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
  const { rows: chains } = await database.query<ReadModel['chains'][number]>(
    'select * from torture.chain where key <> $1',
    [poisonKey],
  )
  const { rows: derived } = await database.query<ReadModel['derived'][number]>('select cause, id from torture.derived')
  return { chains, derived }
}

/** What was parked explains what is missing: nothing is to be. */
async function readParked(database: pg.Pool): Promise<string[]> {
  const { rows } = await database.query<{ group_name: string; event_id: string; reason: string }>(
    `select group_name, event_id, reason from commitcast.parked
     where not exists (select from torture.poison where poison.id = parked.event_id) order by attempts desc limit 5`,
  )
  return rows.map(({ group_name, event_id, reason }) => `by ${group_name}, event ${event_id}: ${reason}`)
}

async function readTakeovers(database: pg.Pool): Promise<Record<string, number>> {
  const { rows } = await database.query<{ group_name: string; takeovers: number }>(
    `select group_name, sum(greatest(term - 1, 0))::int as takeovers from commitcast.lease
     where group_name <> 'relay' group by group_name order by group_name`,
  )
  return Object.fromEntries(rows.map(({ group_name, takeovers }) => [group_name, takeovers]))
}
