import type pg from 'pg'
import { BrokerUnavailable } from '../errors.ts'
import { asTrouble } from './postgres-trouble.ts'

/** Sends one statement. Rejects with `BrokerUnavailable`, except where a key is taken. */
export type Query = <TRow extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<pg.QueryResult<TRow>>

/** The statements of one broker until it is closed. */
export interface Queries {
  readonly query: Query
  /** Throws `BrokerUnavailable` where the broker was closed. */
  checkOpen(): void
  /** Resolves when no statement is under way any more. */
  settled(): Promise<unknown>
}

export function createQueries(ask: Query, closed: AbortSignal): Queries {
  const asking = new Set<Promise<unknown>>()
  const checkOpen = () => {
    if (closed.aborted) throw new BrokerUnavailable('This Postgres broker was closed.')
  }
  return {
    checkOpen,
    settled: () => Promise.allSettled(asking),
    async query<TRow extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      checkOpen()
      const answer = ask<TRow>(text, values)
      asking.add(answer)
      try {
        return await answer
      } catch (error) {
        throw asTrouble(error)
      } finally {
        asking.delete(answer)
      }
    },
  }
}
