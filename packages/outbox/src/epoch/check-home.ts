import { type Sql, sleep } from '@commitcast/worker'
import { restoredState, wentBackState } from '../functions/sql-states.ts'
import { isoTime } from '../iso-time.ts'
import { readTopic } from '../read-topic.ts'

/**
 * Throws where the database is a restored or cloned one, so that its transaction ids mean nothing: `whyHomeless` then says
 * what happened and how to mend it. Returns when the server was started. Giving pages checks the same, and that it is the
 * same start: a fail-over to an older copy may show nowhere else.
 */
export async function checkHome(sql: Sql, schema: string): Promise<string> {
  const [row] = await sql.query<{ started: string }>(`select ${isoTime(`${schema}.check_cluster()`)} as started`)
  return row!.started
}

/** What to tell of an error that says that windows can't go on in this database; `undefined` for any other. */
export function whyHomeless(error: unknown): string | undefined {
  const { code, message, hint } = error as { code?: unknown; message?: string; hint?: string }
  return code === restoredState || code === wentBackState ? `${message} ${hint}` : undefined
}

const standStillMs = 30_000
const lookMs = 2_000

/** Waits till there is a new epoch; a while at most, for somebody may have mended it in another way. */
export async function waitForHome(sql: Sql, schema: string, signal: AbortSignal): Promise<void> {
  const epochNow = async () => (await readTopic(sql, schema).catch(() => undefined))?.epoch
  const epoch = await epochNow()
  for (const until = Date.now() + standStillMs; Date.now() < until && !signal.aborted; ) {
    await sleep(lookMs, signal)
    if ((await epochNow()) !== epoch) return
  }
}
