import { randomUUID } from 'node:crypto'
import {
  GenericContainer,
  getContainerRuntimeClient,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
} from 'testcontainers'
import { healthyOrEnded } from './healthy-or-ended.ts'

type ProcessName = 'api' | 'relay' | 'stream' | 'web'

/** The bookshop in containers, each process from the one image, on a network of its own. */
export interface Bookshop extends AsyncDisposable {
  /** Where the web process answers, pages and `/trpc`. */
  readonly url: string
  readonly processes: Readonly<Record<ProcessName, StartedTestContainer>>
}

const webPort = 8080
const markLabel = 'commitcast.test'
const servers = {
  DATABASE_URL: 'postgres://postgres:secret@postgres:5432/bookshop',
  NATS_URL: 'nats://nats:4222',
}

/** Starts Postgres, NATS and the four processes of `image`; resolves when all are healthy. Leaves nothing when it fails. */
export async function startBookshop(image: string): Promise<Bookshop> {
  await using stack = new AsyncDisposableStack()
  const network = stack.use(await new Network().start())
  const start = startIn(network, stack)
  await Promise.all([start('postgres', postgres()), start('nats', nats())])
  const [api, relay, stream, web] = await Promise.all([
    start('api', processOf(image, 'apps/api/src/main.ts', { ...servers, PORT: '3000' })),
    start('relay', processOf(image, 'apps/relay/src/main.ts', { ...servers, HEALTH_PORT: '3001' })),
    start('stream', processOf(image, 'apps/stream/src/main.ts', { ...servers, HEALTH_PORT: '3002' })),
    start('web', webOf(image)),
  ])
  const running = stack.move()
  return {
    url: `http://${web.getHost()}:${web.getMappedPort(webPort)}`,
    processes: { api, relay, stream, web },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Starts containers that end with the stack; also those that failed, and those that come up after another one failed. */
function startIn(network: StartedNetwork, stack: AsyncDisposableStack) {
  return (name: string, container: GenericContainer): Promise<StartedTestContainer> => {
    const { wait, hear } = healthyOrEnded(name)
    const mark = randomUUID()
    const placed = container
      .withNetwork(network)
      .withNetworkAliases(name)
      .withLabels({ [markLabel]: mark })
    const started = placed.withLogConsumer(hear).withWaitStrategy(wait).start()
    stack.defer(async () => {
      await started.catch(() => {})
      const { container } = await getContainerRuntimeClient()
      await (await container.fetchByLabel(markLabel, mark))?.remove({ force: true, v: true })
    })
    return started
  }
}

function processOf(image: string, main: string, environment: Record<string, string>): GenericContainer {
  return new GenericContainer(image).withCommand(['node', main]).withEnvironment({ ...environment, LOG_LEVEL: 'warn' })
}

function webOf(image: string): GenericContainer {
  const environment = { API_URL: 'http://api:3000', PORT: String(webPort) }
  return processOf(image, 'apps/web/server/main.ts', environment).withExposedPorts(webPort)
}

function postgres(): GenericContainer {
  return new GenericContainer(process.env.POSTGRES_IMAGE || 'postgres:18-alpine')
    .withEnvironment({ POSTGRES_PASSWORD: 'secret', POSTGRES_DB: 'bookshop' })
    .withHealthCheck({ test: ['CMD', 'pg_isready', '--host=127.0.0.1', '--username=postgres'], interval: 500 })
}

/** Healthy when it listens on 4222 (hex 107E); that asks for no program that an image may lack. */
function nats(): GenericContainer {
  return new GenericContainer(process.env.NATS_IMAGE || 'nats:2.11-alpine')
    .withCommand(['-js', '-sd', '/data'])
    .withHealthCheck({ test: ['CMD-SHELL', "grep -q ':107E .* 0A ' /proc/net/tcp /proc/net/tcp6"], interval: 500 })
}
