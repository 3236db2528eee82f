import { type Logger, sleep } from '@commitcast/worker'
import pg from 'pg'
import type { Random } from '../random.ts'
import { createStory, type Story } from './story.ts'

export interface WriterOptions {
  readonly connectionString: string
  /** Begins the keys that nobody else writes. */
  readonly name: string
  /** Whether its transactions are few and stay open for seconds. */
  readonly isIdler: boolean
  /** Whether its transactions are fewer, and none of many events, which are larger then. */
  readonly isLight: boolean
  /** Whether it is to begin no transaction just now. */
  readonly isResting: () => boolean
  readonly random: Random
  readonly signal: AbortSignal
  readonly logger: Logger
}

/**
 * Commits events over one connection until the signal aborts. Lost connections and restarts of the database are waited
 * out. Whether a transaction whose commit got no answer is there, only the ledger knows.
 */
export async function writeEvents(options: WriterOptions): Promise<void> {
  const { connectionString, name, isLight, isResting, random, signal, logger } = options
  const story = createStory(options)
  while (!signal.aborted) {
    const client = new pg.Client({ connectionString, application_name: 'torture-writer' })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query(`set lock_timeout = '4s'`)
      while (!signal.aborted) {
        if (!isResting()) await oneTransaction(client, story)
        await sleep(random.int(0, isLight ? 400 : 60), signal)
      }
    } catch (error) {
      logger.debug({ name, err: error }, 'connects again')
      await sleep(random.int(20, 300), signal)
    }
    await client.end().catch(() => {})
  }
}

/** An error of the database's own (a deadlock, a failed serialization) costs the transaction, not the connection. */
async function oneTransaction(client: pg.Client, story: Story): Promise<void> {
  try {
    await story(client)
  } catch (error) {
    if (!/^(40|55|23)/.test(String((error as { code?: unknown }).code))) throw error
    await client.query('rollback')
  }
}
