import { debianProgram } from './debian/debian-program.ts'
import { hasApt } from './debian/private-apt.ts'
import type { Way } from './first-way.ts'
import { type NatsProgram, natsOnMachine, natsProgram } from './local/nats-program.ts'
import type { NotHere } from './server-unavailable.ts'

/**
 * The ways to a `nats-server` program, and by `start` to whatever is made of it: the one that is named, or else the
 * machine's own, or else Debian's package unpacked into a cache folder.
 */
export function natsProgramWays<TServer extends object>(
  named: string | undefined,
  start: (program: NatsProgram) => Promise<TServer>,
): Way<TServer>[] {
  const way = (name: string, find: () => Promise<NatsProgram | NotHere>): Way<TServer> => ({
    name,
    kind: 'local',
    whenBroken: 'Fix that, or name another program in NATS_SERVER_BIN',
    async start() {
      const program = await find()
      return 'because' in program ? program : start(program)
    },
  })
  return named === undefined
    ? [way('nats-server on this machine', natsOnMachine), way('Debian package', natsFromDebian)]
    : [way(`NATS_SERVER_BIN ${named}`, () => natsProgram(named))]
}

async function natsFromDebian(): Promise<NatsProgram | NotHere> {
  if (!hasApt()) return { because: 'this machine has no apt-get', remedy: 'See nats.io for how to install nats-server' }
  const { path, env } = await debianProgram('nats-server', 'nats-server')
  return natsProgram(path, env)
}
