import { AppendConflict, BrokerUnavailable } from '../errors.ts'
import type { Source, Start } from './nats-source.ts'

/**
 * Moves the sequence of a stream that holds no message to `after`, so that offsets stay sequences. A purge up to a sequence
 * beyond the end does that; `first_seq`, which 2.10 brought, can't be set on a stream that exists, and until 2.11.1 a
 * restart of the server emptied a stream that was made with it.
 *
 * A purge compares nothing. Of two writers that begin one log at different offsets at the same moment the higher one
 * stays, the other one's appends are refused, and readers of its messages get `OffsetGone`.
 */
export async function beginStream(source: Source, { partition, after }: Start): Promise<void> {
  const { connection, streams } = source
  const stream = streams.nameOf(partition)
  const { state: before, config } = await streams.info(partition)
  if (before.messages > 0 || before.last_seq > after) throw AppendConflict.begun(stream, partition, after)
  if (before.last_seq === after) return
  const seq = after + 1
  const byHand = `"nats stream purge ${stream} --seq ${seq}"`
  const { version = '' } = connection.nc.info ?? {}
  if (!canBeginLater(version)) {
    const other = config.num_replicas > 1 ? '' : `, or run ${byHand} and restart the server`
    throw new BrokerUnavailable(
      `${stream} has to begin at offset ${seq}, and nats-server ${version} can lose what follows. Update it to 2.10 or newer${other}.`,
    )
  }
  try {
    await connection.ask(`a purge of ${stream}`, () => streams.jsm.streams.purge(stream, { seq }))
  } catch (error) {
    const { message, cause } = error as Error
    throw new BrokerUnavailable(`${message} An operator can do the same: ${byHand}.`, { cause })
  }
  const { state } = await streams.info(partition)
  if (state.messages > 0 || state.last_seq !== after) throw AppendConflict.begun(stream, partition, after)
}

/**
 * Whether a server of this version keeps what is appended behind a purge that moved the sequence. 2.9 compares appends with
 * the old end until it is restarted, and in a stream with copies it repeats the purge after a restart: with 2.9.10 three of
 * five restarts of a leader lost messages, with 2.10.27 and 2.15.1 none did.
 */
export function canBeginLater(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 10)
}
