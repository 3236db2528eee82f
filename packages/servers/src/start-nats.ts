import { natsContainer } from './container/nats-container.ts'
import { debianProgram } from './debian/debian-program.ts'
import { hasApt } from './debian/private-apt.ts'
import { firstWay, mendContainer, type Way } from './first-way.ts'
import { givenAddress } from './given-address.ts'
import { localNats } from './local/local-nats.ts'
import { type NatsProgram, natsOnMachine, natsProgram } from './local/nats-program.ts'
import { natsAnswers } from './nats-answers.ts'
import type { Server } from './server.ts'
import type { NotHere } from './server-unavailable.ts'
import { readServersEnvironment } from './servers-environment.ts'

export interface NatsOptions {
  /** The program to use. Default: what `NATS_SERVER_BIN` says, else what is found. */
  readonly bin?: string
  /** Text of a configuration file; address, port, store folder and JetStream stay ours. Default: none. */
  readonly config?: string
}

/**
 * A NATS server with JetStream that answers, from the first of these that is there: the address in `TEST_NATS_URL`, a
 * container, the program named by `NATS_SERVER_BIN` or else found on the machine, Debian's package unpacked into a
 * cache folder. Ours are empty. Throws `ServerUnavailable` when there is none. A server of ours is gone soon after
 * this process, however that ends.
 */
export async function startNats({ bin, config }: NatsOptions = {}): Promise<Server> {
  const env = readServersEnvironment()
  if (env.TEST_NATS_URL !== undefined && env.TEST_SERVERS === undefined) {
    return givenAddress('TEST_NATS_URL', env.TEST_NATS_URL, natsAnswers)
  }
  const named = bin ?? env.NATS_SERVER_BIN
  const container: Way = {
    name: `container ${env.NATS_IMAGE}`,
    kind: 'container',
    whenBroken: mendContainer(env.NATS_IMAGE),
    start: () => natsContainer({ image: env.NATS_IMAGE, mayPull: env.TEST_SERVERS === 'container', config }),
  }
  const programs =
    named === undefined
      ? [local('nats-server on this machine', natsOnMachine, config), local('Debian package', natsFromDebian, config)]
      : [local(`NATS_SERVER_BIN ${named}`, () => natsProgram(named), config)]
  return firstWay({ server: 'NATS', address: 'TEST_NATS_URL', ways: [container, ...programs] }, env)
}

function local(name: string, find: () => Promise<NatsProgram | NotHere>, config: string | undefined): Way {
  return {
    name,
    kind: 'local',
    whenBroken: 'Mend that, or name another program in NATS_SERVER_BIN',
    async start() {
      const program = await find()
      return 'because' in program ? program : localNats(program, config)
    },
  }
}

async function natsFromDebian(): Promise<NatsProgram | NotHere> {
  if (!hasApt()) return { because: 'this machine has no apt-get', mend: 'See nats.io for how to install nats-server' }
  const { path, env } = await debianProgram('nats-server', 'nats-server')
  return natsProgram(path, env)
}
