import { firstWay } from './first-way.ts'
import { localNatsCluster } from './local/local-nats-cluster.ts'
import type { NatsCluster } from './nats-cluster.ts'
import { natsProgramWays } from './nats-program-ways.ts'
import { readServersEnvironment } from './servers-environment.ts'
import type { NatsOptions } from './start-nats.ts'

/**
 * A cluster of three NATS servers with JetStream on 127.0.0.1 that can keep three copies of a stream. Always programs of
 * our own, whatever `TEST_SERVERS` says: the one named by `NATS_SERVER_BIN` or else found on the machine, or else Debian's
 * package. Empty. Throws `ServerUnavailable` when there is none. Gone soon after this process, however that ends.
 */
export async function startNatsCluster({ bin }: Pick<NatsOptions, 'bin'> = {}): Promise<NatsCluster> {
  const named = bin ?? readServersEnvironment().NATS_SERVER_BIN
  return firstWay({ server: 'NATS', ways: natsProgramWays(named, localNatsCluster) })
}
