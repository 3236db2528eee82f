import { connect, type JetStreamManager, type StreamInfo } from 'nats'

/** What the broker itself says of the contenders' streams, by the beginning of their names. */
export interface StoredStreams extends AsyncDisposable {
  /** How many messages they have ever stored. */
  count(name: string): Promise<number>
  /** Leaves them their last thousand messages. */
  trim(name: string): Promise<void>
  remove(name: string): Promise<void>
}

export async function openStoredStreams(natsUrl: string): Promise<StoredStreams> {
  const nc = await connect({ servers: natsUrl })
  const jsm = await nc.jetstreamManager()
  return {
    async count(name) {
      const all = await streamsOf(jsm, name)
      return all.reduce((sum, { state }) => sum + state.last_seq, 0)
    },
    async trim(name) {
      for (const { config } of await streamsOf(jsm, name)) await jsm.streams.purge(config.name, { keep: 1_000 })
    },
    async remove(name) {
      for (const { config } of await streamsOf(jsm, name)) await jsm.streams.delete(config.name)
    },
    [Symbol.asyncDispose]: () => nc.close(),
  }
}

/** `<name>_<partition>`, and Commitcast's own `<name>-events-<epoch>_<partition>`. */
async function streamsOf(jsm: JetStreamManager, name: string): Promise<StreamInfo[]> {
  const found: StreamInfo[] = []
  for await (const stream of jsm.streams.list()) {
    const { name: itsName } = stream.config
    if (itsName.startsWith(`${name}_`) || itsName.startsWith(`${name}-events-`)) found.push(stream)
  }
  return found
}
