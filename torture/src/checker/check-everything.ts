import type pg from 'pg'
import type { BrokerLog, Found } from './broker-log.ts'
import { checkLog, type Findings, type LedgerRow, tell } from './check-log.ts'
import { checkReadSide, type ReadSide, type ReadSideVerdict } from './check-read-side.ts'
import type { LiveReader } from './live-reader.ts'
import { readEverything } from './read-everything.ts'
import { readPageLog } from './read-page-log.ts'

export interface Verdict extends Findings {
  readonly committed: number
  /** Terms in the page log beyond the first of each partition. */
  readonly takeovers: number
  /** How often the reader saw a lost tail come back. */
  readonly refills: number
  /** With stream. */
  readonly readSide?: ReadSideVerdict
}

interface Parts {
  readonly database: pg.Pool
  readonly log: BrokerLog
  readonly reader: LiveReader
  readonly partitions: number
  readonly readSide?: ReadSide
}

/** Reads the broker from its first offset to its last and holds it against the ledger, the page log and what was seen live. */
export async function checkEverything({ database, log, reader, partitions, readSide }: Parts): Promise<Verdict> {
  const { rows } = await database.query<{ id: string; key: string; n: string }>('select id, key, n from torture.ledger')
  const ledger: LedgerRow[] = rows.map((row) => ({ ...row, n: Number(row.n) }))
  const all: Found[][] = []
  for (let partition = 0; partition < partitions; partition++) all.push(await readEverything(log, partition))
  const findings = checkLog(ledger, all)
  for (const words of reader.changed) tell(findings, 'phantom', `changed: ${words}`)
  let takeovers = 0
  for (const [partition, messages] of all.entries()) {
    compareWithSeen(findings, { partition, messages, reader })
    takeovers += await compareWithPages(findings, { partition, messages, database })
  }
  const verdict = { ...findings, committed: ledger.length, takeovers, refills: reader.refills }
  if (!readSide) return verdict
  const { examples, ...found } = await checkReadSide(readSide, { database, ledger, events: all })
  return { ...verdict, readSide: found, examples: [...findings.examples, ...examples] }
}

interface Place {
  readonly partition: number
  readonly messages: readonly Found[]
}

function compareWithSeen(findings: Findings, { partition, messages, reader }: Place & { reader: LiveReader }): void {
  const now = new Map(messages.map((message) => [message.offset, message.digest]))
  for (const before of reader.seen(partition)) {
    if (before === undefined || now.get(before.offset) === before.digest) continue
    tell(
      findings,
      'phantom',
      `partition ${partition}, offset ${before.offset}: seen live as ${before.id}, now otherwise`,
    )
  }
}

async function compareWithPages(
  findings: Findings,
  { partition, messages, database }: Place & { database: pg.Pool },
): Promise<number> {
  const client = await database.connect()
  try {
    const { ids, terms } = await readPageLog(client, partition)
    for (const { offset, id } of messages) {
      if (ids[offset - 1] === id) continue
      tell(
        findings,
        'phantom',
        `partition ${partition}, offset ${offset}: the page log gave ${ids[offset - 1]}, there is ${id}`,
      )
    }
    return Math.max(0, terms - 1)
  } catch (error) {
    tell(findings, 'phantom', error instanceof Error ? error.message : String(error))
    return 0
  } finally {
    client.release()
  }
}
