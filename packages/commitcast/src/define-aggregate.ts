import { type Aggregate, type AggregateOptions, type AggregatePorts, createAggregate } from '@commitcast/aggregates'
import { type EventCatalog, type EventTypeOf, InvalidEvent } from '@commitcast/events'
import {
  createKeyReader,
  createToClearRows,
  createToRows,
  type KyselyLike,
  type SubjectKeys,
  sqlIn,
  type TransactionLike,
} from '@commitcast/outbox'
import { isRebuilding } from '@commitcast/stream'
import type { Logger, Sql } from '@commitcast/worker'
import type { AppCheck } from './app-check.ts'
import { CastMisused } from './cast-misused.ts'
import type { ReleaseRegistry } from './release-registry.ts'

export interface AggregatesOptions<TCatalog extends EventCatalog> {
  readonly catalog: TCatalog
  readonly appCheck: AppCheck
  readonly outbox: { readonly schema: string; readonly maxEventBytes?: number }
  readonly subjectKeys: SubjectKeys
  readonly releases: ReleaseRegistry
  readonly logger: Logger
}

/** `cast.aggregate`: see `Commitcast`. */
type DefineAggregate<TCatalog extends EventCatalog> = <TState, TType extends EventTypeOf<TCatalog>>(
  name: string,
  options: AggregateOptions<TCatalog, TState, TType>,
) => Aggregate<TCatalog, TState, TType>

/** The aggregates of a cast. */
export interface Aggregates<TCatalog extends EventCatalog> {
  readonly define: DefineAggregate<TCatalog>
  /** Throws `InvalidEvent` where one of the events is of a type that an aggregate appends: its versions would lack it. */
  checkForeign(events: { readonly type: string } | readonly { readonly type: string }[]): void
  /** Resolves when no snapshot is being stored. */
  settled(): Promise<void>
}

export function createAggregates<TCatalog extends EventCatalog>(
  options: AggregatesOptions<TCatalog>,
): Aggregates<TCatalog> {
  const { catalog, outbox, subjectKeys, logger } = options
  const sqlOf = createSqlOf()
  const ports: AggregatePorts<TCatalog> = {
    ...{ catalog, schema: outbox.schema, logger, sqlOf, isRebuilding },
    toRows: createToRows(catalog, { ...outbox, subjectKeys }),
    toClearRows: createToClearRows(catalog, outbox),
    keysOf: (sql, events) => createKeyReader(sql, subjectKeys, { isAfresh: true }).keysOf(events),
    appending: createAppending(options, sqlOf),
  }
  const settling = new Map<string, () => Promise<void>>()
  const ownerOf = new Map<string, string>()
  return {
    define(name, definition) {
      if (settling.has(name)) {
        throw new CastMisused(
          'AGGREGATE_TWICE',
          `The aggregate "${name}" is defined twice: their snapshots would be mixed up.`,
        )
      }
      const { aggregate, settled } = createAggregate(name, definition, ports)
      settling.set(name, settled)
      for (const type of Object.keys(definition.evolve)) ownerOf.set(type, name)
      return aggregate
    },
    checkForeign(events) {
      if (ownerOf.size === 0) return
      for (const { type } of Array.isArray(events) ? events : [events]) {
        const owner = ownerOf.get(type)
        if (owner === undefined) continue
        throw new InvalidEvent(
          `"${type}" belongs to the aggregate "${owner}", whose stream would lack it: append it with its execute() or append().`,
        )
      }
    },
    async settled() {
      await Promise.all([...settling.values()].map((settled) => settled()))
    },
  }
}

/** The first appends of a process also check the app and register releases, in one transaction with the events. */
function createAppending(
  { appCheck, releases }: Pick<AggregatesOptions<EventCatalog>, 'appCheck' | 'releases'>,
  sqlOf: SqlOf,
) {
  const inTransaction = async <T>(transaction: KyselyLike | TransactionLike, append: (sql: Sql) => Promise<T>) => {
    await appCheck.run(transaction)
    const appended = await append(sqlOf(transaction))
    await releases.registerIn(transaction)
    return appended
  }
  return <T>(db: KyselyLike | TransactionLike, append: (sql: Sql) => Promise<T>, isSingle: boolean): Promise<T> => {
    if (!('isTransaction' in db) || db.isTransaction) return inTransaction(db, append)
    if (isSingle && appCheck.isDone() && releases.isRegistered()) return append(sqlOf(db))
    return db
      .transaction()
      .setIsolationLevel('read committed')
      .execute((trx) => inTransaction(trx, append))
  }
}

type SqlOf = (db: KyselyLike | TransactionLike) => Sql

/** What knows the default isolation of a database is kept, or each statement would ask for it. */
function createSqlOf(): SqlOf {
  const outside = new WeakMap<object, Sql>()
  return (db) => {
    if (!('isTransaction' in db) || db.isTransaction) return sqlIn(db)
    const known = outside.get(db)
    if (known) return known
    const sql = sqlIn(db)
    outside.set(db, sql)
    return sql
  }
}
