import { isOutage } from '@commitcast/worker'
import type pg from 'pg'
import { checkLog, type Findings, type LedgerRow, tell } from './check-log.ts'
import { checkPurchases, type PurchasesVerdict, readPurchaseEvents } from './check-purchases.ts'
import { checkReadSide, type Effects, type ReadSideVerdict } from './check-read-side.ts'
import { type EpochLog, type EpochLogs, ownEpochs, type StoredEpoch } from './epoch-logs.ts'
import type { LiveReader } from './live-reader.ts'
import { readEverything } from './read-everything.ts'
import { readPageLog } from './read-page-log.ts'

export interface Verdict extends Findings {
  readonly committed: number
  /** Terms in the page log beyond the first of each partition. */
  readonly takeovers: number
  /** How often the reader saw a lost tail come back. */
  readonly refills: number
  readonly epochs: number
  /** Messages of epochs that have ended which are not ours, or stand in a later one. */
  readonly abandoned: number
  /** With stream. */
  readonly readSide?: ReadSideVerdict
  /** With processes. */
  readonly purchases?: PurchasesVerdict
}

interface Parts {
  readonly database: pg.Pool
  readonly events: EpochLogs
  readonly partitions: number
  /** With stream. */
  readonly followed?: { readonly live: EpochLogs; readonly effects: Effects }
  readonly withPurchases: boolean
}

/** Reads the broker from its first offset to its last and holds it against the ledger, the page log and what was seen live. */
export async function checkEverything({
  database,
  events,
  partitions,
  followed,
  withPurchases,
}: Parts): Promise<Verdict> {
  const { rows } = await database.query<{ id: string; key: string; n: string }>('select id, key, n from torture.ledger')
  const ledger: LedgerRow[] = rows.map((row) => ({ ...row, n: Number(row.n) }))
  const stored = await readStored(events.all, partitions)
  const poison = await database.query<{ id: string }>('select id from torture.poison')
  const ofPurchases = withPurchases ? await readPurchaseEvents(database) : []
  const unnumbered = new Set([...poison.rows.map(({ id }) => id), ...ofPurchases])
  const own = ownEpochs(new Set([...ledger.map(({ id }) => id), ...unnumbered]), stored)
  const findings = checkLog(ledger, own, unnumbered)
  for (const { epoch, partitions: logs } of own) compareWithSeen(findings, logs, events.all[epoch - 1]!.reader)
  const verdict = {
    ...findings,
    committed: ledger.length + unnumbered.size,
    takeovers: await compareWithPages(findings, own, database),
    refills: events.all.reduce((total, { reader }) => total + reader.refills, 0),
    epochs: own.length,
    abandoned: sizeOf(stored) - sizeOf(own),
  }
  const bought = withPurchases ? await checkPurchases(database) : undefined
  if (!followed) return withExamples(verdict, { findings, bought })
  const live = await readStored(followed.live.all, partitions)
  const readers = followed.live.all.map(({ reader }) => reader)
  const given = { database, ledger, unnumbered, events: own, live, readers, effects: followed.effects }
  const { examples, ...found } = await checkReadSide(given)
  const all = withExamples(verdict, { findings, bought })
  return { ...all, readSide: found, examples: [...all.examples, ...examples] }
}

function withExamples(
  verdict: Omit<Verdict, 'purchases'>,
  {
    findings,
    bought,
  }: { readonly findings: Findings; readonly bought: Awaited<ReturnType<typeof checkPurchases>> | undefined },
): Verdict {
  if (!bought) return { ...verdict, ...findings }
  const { examples, ...purchases } = bought
  return { ...verdict, ...findings, purchases, examples: [...findings.examples, ...examples] }
}

async function readStored(epochs: readonly EpochLog[], partitions: number): Promise<StoredEpoch[]> {
  const stored: StoredEpoch[] = []
  for (const { epoch, log } of epochs) {
    const all = []
    for (let partition = 0; partition < partitions; partition++) all.push(await readEverything(log, partition))
    stored.push({ epoch, partitions: all })
  }
  return stored
}

function sizeOf(epochs: readonly StoredEpoch[]): number {
  return epochs.flatMap(({ partitions }) => partitions.flat()).length
}

function compareWithSeen(findings: Findings, logs: StoredEpoch['partitions'], reader: LiveReader): void {
  for (const { partition, offset, words } of reader.changed) {
    if (offset > logs[partition]!.length) continue
    tell(findings, 'phantom', `partition ${partition}, offset ${offset} changed: ${words}`)
  }
  for (const [partition, messages] of logs.entries()) {
    for (const { offset, digest } of messages) {
      const before = reader.seen(partition)[offset]
      if (before === undefined || before.digest === digest) continue
      tell(findings, 'phantom', `partition ${partition}, offset ${offset}: seen live as ${before.id}, now otherwise`)
    }
  }
}

/** Says how many terms there were beyond the first of each partition. */
async function compareWithPages(findings: Findings, own: readonly StoredEpoch[], database: pg.Pool): Promise<number> {
  const client = await database.connect()
  let takeovers = 0
  try {
    for (const partition of own[0]!.partitions.keys()) {
      const logs = own.map(({ partitions }) => partitions[partition]!)
      const { assigned, terms } = await readPageLog(client, { partition, logs })
      takeovers += Math.max(0, terms - 1)
      for (const [index, messages] of logs.entries()) {
        for (const { offset, id } of messages) {
          const due = assigned[index]?.[offset - 1]
          if (due === id) continue
          const place = `epoch ${index + 1}, partition ${partition}, offset ${offset}`
          tell(findings, 'phantom', `${place}: the page log assigned ${due}, there is ${id}`)
        }
      }
    }
  } catch (error) {
    if (isOutage(error)) throw error
    tell(findings, 'phantom', error instanceof Error ? error.message : String(error))
  } finally {
    client.release()
  }
  return takeovers
}
