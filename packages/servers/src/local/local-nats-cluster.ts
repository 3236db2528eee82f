import { randomBytes } from 'node:crypto'
import { freePort } from '../free-port.ts'
import { type NatsCluster, natsCluster } from '../nats-cluster.ts'
import type { Server } from '../server.ts'
import { localNats } from './local-nats.ts'
import type { NatsProgram } from './nats-program.ts'

const size = 3
const attempts = 3

/** Three NATS servers of our own that know each other. */
export async function localNatsCluster(program: NatsProgram): Promise<NatsCluster> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await firstRun(program)
    } catch (error) {
      // All must know each other's ports before the first one is opened: somebody else may take one meanwhile.
      if (attempt === attempts || !/address already in use/i.test(String(error))) throw error
    }
  }
}

async function firstRun(program: NatsProgram): Promise<NatsCluster> {
  const name = `cluster-${randomBytes(6).toString('hex')}`
  const routes: string[] = []
  while (routes.length < size) routes.push(`nats://127.0.0.1:${await freePort()}`)
  const starts = await Promise.allSettled(
    routes.map(async (route, index): Promise<[string, Server]> => {
      const own = `${name}-${index + 1}`
      const args = ['--cluster_name', name, '--cluster', route, '--routes', routes.join(',')]
      return [own, await localNats(program, { name: own, args })]
    }),
  )
  const nodes = new Map(starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : [])))
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason
    return await natsCluster(nodes)
  } catch (error) {
    await Promise.all([...nodes.values()].map((node) => node.stop()))
    throw error
  }
}
