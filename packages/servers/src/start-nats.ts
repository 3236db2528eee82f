import { natsContainer } from './container/nats-container.ts'
import { firstWay, mendContainer, type Way } from './first-way.ts'
import { givenAddress } from './given-address.ts'
import { localNats } from './local/local-nats.ts'
import { natsAnswers } from './nats-answers.ts'
import { natsProgramWays } from './nats-program-ways.ts'
import type { Server } from './server.ts'
import { readServersEnvironment } from './servers-environment.ts'

export interface NatsOptions {
  /** The program to use. Default: what `NATS_SERVER_BIN` says, else what is found. */
  readonly bin?: string
  /**
   * Text of a configuration file; address, port, store folder and JetStream stay ours. Somebody else's server can't have
   * it: an address in `TEST_NATS_URL` is passed over then. Default: none.
   */
  readonly config?: string
  /** Whether JetStream is on. Without it, too, an address is passed over. Default yes. */
  readonly jetstream?: boolean
}

/**
 * A NATS server with JetStream that answers, from the first of these that is there: the address in `TEST_NATS_URL`, a
 * container, the program named by `NATS_SERVER_BIN` or else found on the machine, Debian's package unpacked into a
 * cache folder. Ours are empty. Throws `ServerUnavailable` when there is none. A server of ours is gone soon after
 * this process, however that ends.
 */
export async function startNats({ bin, config, jetstream = true }: NatsOptions = {}): Promise<Server> {
  const env = readServersEnvironment()
  const suits = config === undefined && jetstream
  if (env.TEST_NATS_URL !== undefined && env.TEST_SERVERS === undefined && suits) {
    return givenAddress('TEST_NATS_URL', env.TEST_NATS_URL, natsAnswers)
  }
  const container: Way = {
    name: `container ${env.NATS_IMAGE}`,
    kind: 'container',
    whenBroken: mendContainer(env.NATS_IMAGE),
    start: () => natsContainer({ image: env.NATS_IMAGE, mayPull: env.TEST_SERVERS === 'container', config, jetstream }),
  }
  const programs = natsProgramWays(bin ?? env.NATS_SERVER_BIN, (program) => localNats(program, { config, jetstream }))
  return firstWay({ server: 'NATS', address: 'TEST_NATS_URL', ways: [container, ...programs] }, env)
}
