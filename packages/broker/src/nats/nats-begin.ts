import { DiscardPolicy, headers, type StreamConfig } from 'nats'
import { AppendConflict, BrokerUnavailable } from '../errors.ts'
import type { Source, Start } from './nats-read.ts'

/**
 * Moves the sequence of a stream that holds no message to `after`, so that offsets stay sequences. A purge up to a sequence
 * beyond the end does that on every server; `first_seq`, which 2.10 brought, can't be set on a stream that exists, and
 * until 2.11.1 a restart of the server emptied a stream that was made with it.
 *
 * A purge compares nothing. Of two writers that begin one log at different offsets at the same moment the higher one
 * stays, the other one's appends are refused, and readers are told that what it stored is gone.
 */
export async function beginStream(source: Source, { partition, after }: Start): Promise<void> {
  const { connection, streams } = source
  const stream = streams.nameOf(partition)
  const { state: before } = await streams.info(partition)
  if (before.messages > 0 || before.last_seq > after) throw AppendConflict.begun(stream, partition, after)
  if (before.last_seq === after) return
  const seq = after + 1
  try {
    await connection.ask(`a purge of ${stream}`, () => streams.jsm.streams.purge(stream, { seq }))
    if (isBeforePurgesMove(connection.nc.info?.version))
      await failOneStore(source, { partition, after: before.last_seq })
  } catch (error) {
    const { message, cause } = error as Error
    const words = `${message} An operator can do the same: "nats stream purge ${stream} --seq ${seq}", and with a server before ${purgesMoveSince.join('.')} a restart of it.`
    throw new BrokerUnavailable(words, { cause })
  }
  const { state } = await streams.info(partition)
  if (state.messages > 0 || state.last_seq !== after) throw AppendConflict.begun(stream, partition, after)
}

/** Servers before this one purge beyond the end, and go on comparing appends with where the end was. */
const purgesMoveSince = [2, 9, 19] as const

/** Whether a purge needs `failOneStore` behind it on a server of this version. */
export function isBeforePurgesMove(version = ''): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10))
  const differing = purgesMoveSince.findIndex((part, index) => part !== (parts[index] ?? 0))
  return differing >= 0 && (parts[differing] ?? 0) < purgesMoveSince[differing]!
}

/**
 * A store that fails has an old server look where its stream ends; `after` is where it believes that. For that moment
 * nothing fits into the stream.
 */
async function failOneStore({ connection, streams }: Source, { partition, after }: Start): Promise<void> {
  const { nc } = connection
  const stream = streams.nameOf(partition)
  const { config } = await streams.info(partition)
  const update = (limits: Limits) => connection.ask(stream, () => streams.jsm.streams.update(stream, limits))
  await update({ max_bytes: nothingFits, discard: DiscardPolicy.New })
  try {
    const unwanted = headers()
    unwanted.set('Nats-Expected-Last-Sequence', String(after))
    const subject = streams.subjectOf(partition, 'nothing')
    await connection.ask(stream, () => nc.request(subject, '', { headers: unwanted, timeout: 5_000 }))
  } finally {
    await update(limitsOf(config))
  }
}

type Limits = Pick<StreamConfig, 'max_bytes' | 'discard'>

/** One byte: no operator chooses that. */
const nothingFits = 1

/** Whether a process died while nothing was to fit into this stream. */
export function isLeftShut({ max_bytes }: Limits): boolean {
  return max_bytes === nothingFits
}

/** What limits a stream has, or had before it was shut. */
export function limitsOf(config: Limits): Limits {
  if (isLeftShut(config)) return { max_bytes: -1, discard: DiscardPolicy.Old }
  return { max_bytes: config.max_bytes, discard: config.discard }
}
