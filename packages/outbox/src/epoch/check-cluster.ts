import { type Sql, sleep } from '@commitcast/worker'
import { restoredState, wentBackState } from '../functions/sql-states.ts'
import { isoTime } from '../iso-time.ts'
import { readTopic } from '../read-topic.ts'

/**
 * Throws where the database is a restored or cloned one, so that its transaction ids mean nothing: `whyOtherCluster` then says
 * what happened and what to do. Returns when the server was started. Assigning offsets checks the same, and that it is the
 * same start: a fail-over to an older copy may show nowhere else.
 */
export async function checkCluster(sql: Sql, schema: string): Promise<string> {
  const [row] = await sql.query<{ started: string }>(`select ${isoTime(`${schema}.check_cluster()`)} as started`)
  return row!.started
}

/** The words of an error that says that windows can't continue in this database; `undefined` for any other. */
export function whyOtherCluster(error: unknown): string | undefined {
  const { code, message, hint } = error as { code?: unknown; message?: string; hint?: string }
  return code === restoredState || code === wentBackState ? `${message} ${hint}` : undefined
}

const haltedMs = 30_000
const lookMs = 2_000

/** Waits until there is a new epoch; 30 s at most, because an operator may have fixed it in another way. */
export async function waitForCluster(sql: Sql, schema: string, signal: AbortSignal): Promise<void> {
  const epochNow = async () => (await readTopic(sql, schema).catch(() => undefined))?.epoch
  const epoch = await epochNow()
  for (const until = Date.now() + haltedMs; Date.now() < until && !signal.aborted; ) {
    await sleep(lookMs, signal)
    if ((await epochNow()) !== epoch) return
  }
}
