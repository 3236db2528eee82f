import type { EventCatalog, EventTypeOf } from '@commitcast/events'
import { checkTransaction, type KyselyLike, type TransactionLike } from '@commitcast/outbox'
import { checkWholeNumber, type Logger } from '@commitcast/worker'
import type { Aggregate, AggregateOptions, Decided, Executed, ExecuteOptions, NewAggregateEvent } from './aggregate.ts'
import { type AppendPorts, createAppendToStream } from './append-to-stream.ts'
import { checkDefinition } from './check-definition.ts'
import { decideEvents } from './decide-events.ts'
import { despiteConflicts } from './despite-conflicts.ts'
import { foldEvents } from './fold-events.ts'
import { createReadStream, type KeysOf } from './read-stream.ts'
import { createStoreSnapshots } from './store-snapshots.ts'

/** What an aggregate needs of the cast that it belongs to. */
export interface AggregatePorts<TCatalog extends EventCatalog> extends AppendPorts<TCatalog> {
  readonly catalog: TCatalog
  readonly keysOf: KeysOf
  readonly logger: Logger
}

/** An aggregate, and the end of what it does in the background. */
export interface OpenAggregate<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>> {
  readonly aggregate: Aggregate<TCatalog, TState, TType>
  /** Resolves when the snapshots that are being stored have ended. */
  settled(): Promise<void>
}

/** Makes an aggregate. Throws `InvalidEvent` for a type that the catalogue lacks, `RangeError` and `TypeError` for wrong options. */
export function createAggregate<TCatalog extends EventCatalog, TState, TType extends EventTypeOf<TCatalog>>(
  name: string,
  options: AggregateOptions<TCatalog, TState, TType>,
  ports: AggregatePorts<TCatalog>,
): OpenAggregate<TCatalog, TState, TType> {
  const { initial, evolve, snapshot } = options
  const { catalog, schema, keysOf, logger, sqlOf } = ports
  const reducer = checkDefinition(name, options, catalog)
  const definition = { name, catalog, initial, evolve }
  const readStream = createReadStream({ definition, schema, reducer, keysOf, logger })
  const appendToStream = createAppendToStream(definition, ports)
  const snapshots = createStoreSnapshots({ aggregate: name, schema, reducer, snapshot, logger })

  const executeOnce = async (
    db: KyselyLike | TransactionLike,
    { key, command, headers, signal }: Execution<(state: TState) => Decided<TCatalog, TType>>,
  ): Promise<Executed<TState>> => {
    const read = await readStream(sqlOf(db), key, signal)
    const events = decideEvents(command, read.state)
    if (events.length === 0) return { state: read.state, version: read.version, ids: [] }
    const { ids, stored } = await appendToStream(db, { key, events, expected: read.version, headers })
    const folded = foldEvents(definition, read, stored, await keysOf(sqlOf(db), stored))
    const firstTime = read.firstTime ?? stored[0]?.time
    if (isOutside(db)) snapshots.offer(sqlOf(db), key, { ...read, ...folded, firstTime })
    return { state: folded.state, version: folded.version, ids }
  }

  const aggregate: Aggregate<TCatalog, TState, TType> = {
    definition,
    async load(db, key, { signal } = {}) {
      const read = await readStream(sqlOf(db), key, signal)
      // A transaction may see events of its own that never commit.
      if (isOutside(db)) snapshots.offer(sqlOf(db), key, read)
      return { state: read.state, version: read.version }
    },
    async append(db, key, appended, { expectedVersion, headers }) {
      checkClient(db, `append to "${name}"`)
      const expected = checkWholeNumber('expectedVersion', expectedVersion, { least: 0 })
      const events = (Array.isArray(appended) ? appended : [appended]) as readonly NewAggregateEvent<TCatalog, TType>[]
      if (events.length === 0) return { version: expected, ids: [] }
      const { version, ids } = await appendToStream(db, { key, events, expected, headers })
      return { version, ids }
    },
    async execute(db, key, command, { attempts = 10, headers, signal } = {}) {
      checkWholeNumber('attempts', attempts)
      const once = () => executeOnce(db, { key, command, headers, signal })
      checkClient(db, `execute on "${name}"`)
      return isOutside(db) ? despiteConflicts(once, { attempts, signal }) : once()
    },
  }
  return { aggregate, settled: snapshots.settled }
}

interface Execution<TCommand> {
  readonly key: string
  readonly command: TCommand
  readonly headers: ExecuteOptions['headers'] | undefined
  readonly signal: AbortSignal | undefined
}

/** Whether each statement commits by itself. A `pg` client counts as a transaction. */
function isOutside(db: KyselyLike | TransactionLike): boolean {
  return 'isTransaction' in db && !db.isTransaction
}

/** On a `pg` client without a transaction the first statements of a process would not commit together. */
function checkClient(db: KyselyLike | TransactionLike, what: string): void {
  if (!isOutside(db)) checkTransaction(db, { what, parts: 'what it writes' })
}
