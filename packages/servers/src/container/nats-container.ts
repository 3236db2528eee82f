import { natsAnswers } from '../nats-answers.ts'
import type { Server } from '../server.ts'
import type { NotHere } from '../server-unavailable.ts'
import { containerServer } from './container-server.ts'
import { dockerEngine, type ImageWish } from './docker-engine.ts'

export interface NatsContainerOptions extends ImageWish {
  /** Text of a configuration file. */
  readonly config: string | undefined
  /** Whether JetStream is on. */
  readonly jetstream: boolean
}

const configFile = '/etc/nats/commitcast.conf'

/** A NATS server of our own in a container, with JetStream on. */
export async function natsContainer({ config, jetstream, ...wish }: NatsContainerOptions): Promise<Server | NotHere> {
  const engine = await dockerEngine(wish)
  if ('because' in engine) return engine
  const { GenericContainer } = await import('testcontainers')
  const files = config === undefined ? [] : [{ content: config, target: configFile }]
  return containerServer(engine, {
    image: wish.image,
    port: 4222,
    stopSignal: 'SIGTERM',
    container: () =>
      new GenericContainer(wish.image)
        .withCommand([...(jetstream ? ['-js', '-sd', '/data'] : []), ...files.flatMap(({ target }) => ['-c', target])])
        .withCopyContentToContainer(files),
    url: (at) => `nats://${at}`,
    answers: (url) => natsAnswers(url, { jetstream }),
  })
}
